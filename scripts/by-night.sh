# Sourced by the scripts that test: files that the nightly run has and the default one leaves out, since two processors
# would need longer than twenty minutes for all.
# shellcheck shell=bash disable=SC2034
BY_NIGHT=(
  tests/browser/test_{bad_hours,bare_screens,coach,coming_back,exam,language,one_window,other_server}.py
  tests/browser/test_{places,remote_consent,reload,replay_page}.py
  tests/browser/test_{role_play_heard,sign_on,timing,two_windows,unclear,under_path,wishes}.py
  tests/app/test_{drain,exam_trouble,hostile,keeping,models_export,models_packages,promote,proxy,restart,roll_back}.py
  tests/app/test_{judge_here,remote_hybrid,second_opinion_here,single_sign_on,vault_cli}.py
)

"""What a hub's refusals mean, and what the person should do: one EngineError for each.

The hub says why in `X-Error-Code` (RepoNotFound, RevisionNotFound, EntryNotFound, GatedRepo) and in words in
`X-Error-Message`. Without a token it answers 401 for repositories that do not exist, too: private ones stay secret.
"""

from __future__ import annotations

from urllib.parse import urlsplit

from common.errors import EngineError


def explain(
    status: int, *, error_code: str, error_message: str, hub: str, repository: str, has_token: bool
) -> EngineError:
    """Return what to raise for an answer of 400 or above; `hub` is its address without a slash at the end."""
    words = error_message.lower()
    page = f"{hub}/{repository}"
    if status == 401 and has_token and ("invalid" in words or not error_code):
        return EngineError(
            f"{hub} does not know the access token (HF_TOKEN, or the one that was logged in with): make a new one "
            f"with read scope in your account there, and set HF_TOKEN to it",
            code="model.not_logged_in",
        )
    if status == 403 and ("fine-grained" in words or "scope" in words or "permission" in words):
        return EngineError(
            f"the access token may not read {repository}: give it read scope, with 'access to public gated "
            f"repositories' if it is a fine-grained one, in your account's settings on {hub}",
            code="model.token_scope",
        )
    if error_code == "GatedRepo" and status == 401:
        return EngineError(
            f"{repository} is only given to people who are logged in: accept its licence at {page}, make an access "
            f"token with read scope, set HF_TOKEN to it and pull again",
            code="model.not_logged_in",
        )
    if error_code == "GatedRepo":
        waiting = "awaiting" in words or "pending" in words
        advice = (
            f"your request for it is still waiting for its owner; look at {page} and pull again once it is granted"
            if waiting
            else f"open {page} with the account of your token, accept the licence, and pull again"
        )
        return EngineError(f"the licence of {repository} is not accepted: {advice}", code="model.licence_not_accepted")
    if error_code == "RevisionNotFound":
        return EngineError(
            f"{repository} has not the revision that was asked for: correct it in the catalogue",
            code="model.not_on_hub",
        )
    if error_code == "EntryNotFound":
        return EngineError(
            f"a file of {repository} is not there any more: correct the catalogue's list", code="model.not_on_hub"
        )
    if error_code == "RepoNotFound" or status in (401, 404):
        private = "" if has_token else ", or it is private and needs an access token in HF_TOKEN"
        return EngineError(
            f"{hub} has no model {repository}: look whether the name is right{private}", code="model.not_on_hub"
        )
    if status == 403:
        said = f" ({error_message})" if error_message else ""
        return EngineError(f"{hub} refuses {repository}{said}: look at {page}", code="model.hub_refused")
    if status == 429:
        return EngineError(
            f"{hub} allows no more requests for now: pull again in some minutes, what came is kept",
            code="model.hub_failed",
        )
    return EngineError(f"{hub} answers {status}: pull again later, what came is kept", code="model.hub_failed")


def explain_archive(status: int, url: str) -> EngineError:
    """Return what to raise for an answer of 400 or above of a host that has an archive, and is no hub."""
    host = urlsplit(url).netloc
    if status in (404, 410):
        return EngineError(f"{host} has no {url} any more: correct the catalogue", code="model.not_on_hub")
    if status < 500 and status != 429:
        return EngineError(f"{host} refuses {url} (status {status}): open it in a browser", code="model.hub_refused")
    return EngineError(f"{host} answers {status}: pull again later, what came is kept", code="model.hub_failed")

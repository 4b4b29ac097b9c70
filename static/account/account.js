/** The page on which people log in (/login), or set a password by a one-time link (/welcome#...). */

import { at } from "../core/base_path.js";
import { returnTo, signOnAddress, signOnProblem } from "../core/account.js";
import { acceptLink, changePassword, fetchMe, logIn, logOut, lookAtLink } from "../net/account_api.js";
import { strings } from "../strings.js";
import { Stage } from "../ui/stage.js";
import { logInScreen, passwordScreen, sayScreen, yourAccountScreen } from "./screens.js";

const words = strings.account;
const stage = new Stage(document.getElementById("main"));
const onwards = () => location.assign(at(returnTo(location.search)));

async function begin() {
  return location.pathname === at("/welcome") ? showWelcome() : showLogIn();
}

async function showWelcome() {
  const token = location.hash.slice(1);
  // The link is a secret until it is used: neither the address bar nor the history keeps it.
  history.replaceState(null, "", location.pathname);
  let person;
  try {
    person = await lookAtLink(token);
  } catch (problem) {
    return stage.show(sayScreen({ title: words.link_bad_title, text: problem.detail || words.failed, go: words.to_log_in, on_go: () => location.assign(at("/login")) }));
  }
  return stage.show(
    passwordScreen({
      person,
      on_set: async (password) => {
        await acceptLink(token, password);
        onwards();
      },
    }),
  );
}

async function showLogIn() {
  const me = await fetchMe().catch(() => null);
  if (me?.person) return showYours(me);
  return stage.show(
    logInScreen({
      sign_on: me?.sign_on ? { label: me.sign_on, address: at(signOnAddress(location.search)) } : null,
      problem: signOnProblem(location.search, words.sign_on_problems),
      on_log_in: async (login, password) => {
        await logIn(login, password);
        onwards();
      },
    }),
  );
}

function showYours(me) {
  stage.show(
    yourAccountScreen({
      person: me.person,
      on_go: onwards,
      on_change: changePassword,
      on_log_out: async () => {
        await logOut();
        location.assign(at("/login"));
      },
    }),
  );
}

begin();

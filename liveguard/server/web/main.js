// The live page of `liveguard serve`. What is where:
//   api, socket          the guard's HTTP interface and its events
//   store                what is known of each session, and whether it is still true
//   publisher, peer      sending picture and sound by WebRTC, and again when the connection breaks
//   facts                what the guard must know of them, told until it is heard
//   webcam, meeting      the two views that publish (live_call is what they share; devices, camera_facts, attacks/)
//   sessions, preview    the view of all sessions, and pictures of feeds that are not in this browser
//   room                 one session on the screen, made of: overlay (mesh_lines, palette), card (badge, charts, thumbs), alerts
//   notify, message, trouble, words    telling the person
//   tabs, theme, dom, icons, emitter   the rest
import * as api from "./api.js";
import { h, setText } from "./dom.js";
import { MeetingView } from "./meeting.js";
import { messageBox } from "./message.js";
import { Notifier } from "./notify.js";
import { forgetPalette } from "./palette.js";
import { SessionsView } from "./sessions.js";
import { Socket } from "./socket.js";
import { Spoken } from "./spoken.js";
import { Store } from "./store.js";
import { setUpTabs } from "./tabs.js";
import { themeButton } from "./theme.js";
import { askForToken } from "./token_form.js";
import { trouble } from "./trouble.js";
import { WebcamView } from "./webcam.js";

const RETRY_MS = 2_000;
const boot = document.getElementById("boot");
const settings = document.getElementById("settings");

/** What the guard says of itself; asks for the token, and waits for a guard that is not there yet. */
async function findGuard() {
  const message = messageBox();
  boot.append(message.element);
  for (;;) {
    try {
      const info = await api.call("GET", "api/info");
      boot.replaceChildren();
      return info;
    } catch (error) {
      if (error.status === 401) await askForToken(boot);
      else {
        message.show(trouble(error));
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }
}

function showLink(store) {
  const link = document.getElementById("link");
  link.dataset.state = store.linked ? "up" : "down";
  setText(link, store.linked ? "Guard connected" : "No connection to the guard; trying again");
}

async function main() {
  api.findToken();
  settings.append(themeButton(forgetPalette));
  const info = await findGuard();
  document.querySelector("h1").append(h("span", { class: "version" }, ` ${info.version}`));
  const socket = new Socket();
  const store = new Store(socket);
  const notifier = new Notifier(info);
  settings.prepend(notifier.element);
  const spoken = new Spoken({ store, info, notifier });
  spoken.start();
  store.on("link", () => showLink(store));
  const app = { store, socket, info, notifier };
  const views = { webcam: new WebcamView(app), meeting: new MeetingView(app), sessions: new SessionsView(app) };
  for (const [name, view] of Object.entries(views)) document.getElementById(`view-${name}`).append(view.element);
  socket.open();
  setUpTabs(document.getElementById("tabs"), (name) => views.sessions.visible(name === "sessions"));
}

main();

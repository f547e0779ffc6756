// The page of somebody who was asked to show that they are really there. What is where:
//   link, door, wire, feed     the link, and the three ways to the server: calls, messages, media
//   flow, lead, ending         the order of things: ours, the server's, and how it ends without a result
//   screens/, screen           what is shown before and after
//   stage, mirror, camera      the self-view
//   stimuli/, run_step, motion, tick, svg     what is shown during a challenge
//   top, say, tabs, words      the rest
import { Flow } from "./flow.js";
import { takeLink } from "./link.js";
import { Screen } from "./screen.js";
import { Top } from "./top.js";
import { known, speak } from "./words.js";

let chosen = false; // by the person, which goes before all else

speak(known(navigator.languages));
const screen = new Screen(document.getElementById("screen"));
const top = new Top(document.getElementById("top"), {
  onStop: () => flow.stop(),
  onLate: () => flow.late(),
  onLanguage: (code) => {
    chosen = true;
    change(code);
  },
});
const flow = new Flow(takeLink(), { screen, top, onLocale: (locale) => chosen || change(known([locale])) });

function change(code) {
  speak(code);
  top.again();
  screen.again();
}

flow.run();

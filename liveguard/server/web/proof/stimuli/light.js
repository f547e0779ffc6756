// Colours: the whole page around a small self-view, so that the face is lit by them.

/** One of `colours` every `each_us`, switched hard. */
export function light(stage, { colours, each_us }) {
  const all = colours.split(" ");
  let shown = "";
  return {
    at(us) {
      const colour = all[Math.min(Math.floor(us / each_us), all.length - 1)];
      if (colour === shown) return;
      shown = colour;
      document.documentElement.style.backgroundColor = document.body.style.backgroundColor = colour;
      document.body.dataset.painted = "";
    },
    end() {
      document.documentElement.style.backgroundColor = document.body.style.backgroundColor = "";
      delete document.body.dataset.painted;
    },
  };
}

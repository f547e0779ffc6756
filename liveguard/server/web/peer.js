// What we ask of the browser's WebRTC.

const GATHER_MS = 2_000;
const START_KBIT_S = 1_500;
const WANTED = ["video/VP8", "video/H264"];
const HELPERS = ["video/rtx", "video/red", "video/ulpfec"];

/** Resolves when the offer is complete, or as complete as it gets within 2 s. @param {RTCPeerConnection} pc */
export function gathered(pc) {
  if (pc.iceGatheringState === "complete") return Promise.resolve();
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, GATHER_MS);
    pc.addEventListener("icegatheringstatechange", () => {
      if (pc.iceGatheringState !== "complete") return;
      clearTimeout(timer);
      resolve();
    });
  });
}

/** VP8, then H.264: what every guard decodes. @param {RTCRtpTransceiver} transceiver */
export function preferCodecs(transceiver) {
  const all = RTCRtpSender.getCapabilities?.("video")?.codecs;
  if (!all || !transceiver.setCodecPreferences) return;
  const of = (type) => all.filter((codec) => codec.mimeType.toLowerCase() === type.toLowerCase());
  const wanted = WANTED.flatMap(of);
  if (wanted.length > 0) transceiver.setCodecPreferences([...wanted, ...HELPERS.flatMap(of)]);
}

/**
 * The answer, with a wish to begin at a rate at which a face can be judged: Chrome begins at 300 kbit/s otherwise and takes
 * half a minute to get there. It still goes down at once where the link is slower; other browsers do not read it.
 */
export function quickStart(sdp) {
  const wish = `x-google-start-bitrate=${START_KBIT_S}`;
  const types = [...sdp.matchAll(/^a=rtpmap:(\d+) (?:VP8|H264)\/90000/gim)].map(([, type]) => type);
  return types.reduce((text, type) => {
    const format = new RegExp(`^(a=fmtp:${type} [^\r\n]*)`, "m");
    if (format.test(text)) return text.replace(format, `$1;${wish}`);
    return text.replace(new RegExp(`^(a=rtpmap:${type} [^\r\n]*)`, "m"), `$1\r\na=fmtp:${type} ${wish}`);
  }, sdp);
}

/**
 * A face fills much of a webcam's picture, and lips, lids and pulse are judged over time: better fewer pixels than fewer
 * pictures. In a meeting faces are small: better fewer pictures than faces too small to judge. In a liveness session depth is
 * judged by pixels: a picture that shrinks on the way makes a face too small that the person cannot bring nearer.
 */
export function wishFor(kind) {
  if (kind === "webcam") return { maxBitrate: 2_500_000, degradation: "maintain-framerate" };
  return { maxBitrate: kind === "proof" ? 2_500_000 : 4_000_000, degradation: "maintain-resolution" };
}

/** What is to give way on a slow link: a wish, which browsers that do not know it do well enough without. @param {RTCRtpSender} sender */
export function degrade(sender, kind) {
  const parameters = { ...sender.getParameters(), degradationPreference: wishFor(kind).degradation };
  sender.setParameters(parameters).catch(() => null);
}

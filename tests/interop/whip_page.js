// A page that publishes with WHIP clients from npm. Bundled by the test; Playwright calls `window.whip`.

import { WHIPClient as Eyevinn } from "@eyevinn/whip-web-client";
import { WHIPClient as Medooze } from "whip-whep/whip.js";

const FLASH_EVERY_S = 2, FLASH_S = 0.4, TONE_HZ = 1000;

/** The browser's camera and microphone. */
const camera = () => navigator.mediaDevices.getUserMedia({ video: { width: 640, height: 480 }, audio: true });

/** A picture that is bright, and a soft hum that is a loud tone, in the first 0.4 s of every 2 s. */
function flashes() {
  const context = new AudioContext({ sampleRate: 48000 });
  const out = context.createMediaStreamDestination();
  const loudness = { 300: 0.02, [TONE_HZ]: 0 };
  const gains = Object.entries(loudness).map(([hz, loud]) => {
    const gain = new GainNode(context, { gain: loud });
    const tone = new OscillatorNode(context, { frequency: Number(hz) });
    tone.connect(gain).connect(out);
    tone.start();
    return gain;
  });
  for (let at = FLASH_EVERY_S; at < 120; at += FLASH_EVERY_S) {
    gains[1].gain.setValueAtTime(0.4, at);
    gains[1].gain.setValueAtTime(0, at + FLASH_S);
  }
  const canvas = Object.assign(document.createElement("canvas"), { width: 320, height: 240 });
  document.body.append(canvas);
  const brush = canvas.getContext("2d");
  setInterval(() => {
    const at = context.currentTime;
    const bright = at >= FLASH_EVERY_S && at % FLASH_EVERY_S < FLASH_S;
    brush.fillStyle = bright ? "#ddd" : "#444";
    brush.fillRect(0, 0, 320, 240);
    brush.fillStyle = "#888";
    brush.fillRect((at * 60) % 320, 100, 30, 30);
  }, 1000 / 30);
  return new MediaStream([...canvas.captureStream(30).getTracks(), ...out.stream.getTracks()]);
}

/** With the codec named first. */
function prefer(pc, codec) {
  const all = RTCRtpSender.getCapabilities("video").codecs;
  const wanted = all.filter(({ mimeType }) => mimeType === `video/${codec}`);
  const video = pc.getTransceivers().find(({ sender }) => sender.track?.kind === "video");
  video.setCodecPreferences([...wanted, ...all.filter((one) => !wanted.includes(one))]);
}

let client, pc;

window.whip = {
  canEncode: (codec) => RTCRtpSender.getCapabilities("video").codecs.some((one) => one.mimeType === `video/${codec}`),

  async eyevinn(endpoint, authkey) {
    const peerConnectionFactory = (configuration) => (pc = new RTCPeerConnection(configuration));
    client = new Eyevinn({ endpoint, opts: { authkey, iceServers: [] }, peerConnectionFactory });
    await client.setIceServersFromEndpoint();
    await client.ingest(await camera());
    return client.getResourceUrl();
  },

  async medooze(endpoint, token, codec) {
    pc = new RTCPeerConnection();
    const stream = flashes();
    for (const track of stream.getTracks()) pc.addTransceiver(track, { direction: "sendonly", streams: [stream] });
    prefer(pc, codec);
    client = new Medooze();
    await client.publish(pc, endpoint, token);
    return String(client.resourceURL);
  },

  state: () => pc.connectionState,
  restart: () => client.restart(),
  remoteUfrags: () => [...pc.remoteDescription.sdp.matchAll(/a=ice-ufrag:(\S+)/g)].map((found) => found[1]),

  async sent() {
    const stats = [...(await pc.getStats()).values()];
    const codecs = Object.fromEntries(stats.filter(({ type }) => type === "codec").map((one) => [one.id, one.mimeType]));
    const streams = stats.filter(({ type }) => type === "outbound-rtp");
    return Object.fromEntries(streams.map((one) => [one.kind, codecs[one.codecId]]));
  },

  leave: () => (client.destroy ? client.destroy() : client.stop()),
};

// Publishes a file of RTP packets (see film.py) by WHIP with the WebRTC stack of werift.
//   node werift_publisher.mjs URL TOKEN FILE VIDEO_CODEC AUDIO_CODEC
// Says on standard output, as JSON a line: {status, location, etag}, {connected}, {deleted}.

import dns from "node:dns";
import { readFileSync } from "node:fs";
import { syncBuiltinESMExports } from "node:module";
import { isIP } from "node:net";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

const [url, token, file, videoCodec, audioCodec] = process.argv.slice(2);
// With no STUN server given, werift asks a public one; here names lead nowhere.
const { lookup } = dns;
dns.lookup = (host, ...rest) => (isIP(host) ? lookup(host, ...rest) : rest.at(-1)(new Error("no names")));
dns.promises.lookup = promisify(dns.lookup);
syncBuiltinESMExports();
const { MediaStreamTrack, RTCPeerConnection, RTCRtpCodecParameters, ...use } = await import("werift");
const g722 = () => new RTCRtpCodecParameters({ mimeType: "audio/G722", clockRate: 8000, channels: 1, payloadType: 9 });
const codecs = { VP8: use.useVP8, H264: use.useH264, opus: use.useOPUS, PCMU: use.usePCMU, G722: g722 };
const say = (what) => console.log(JSON.stringify(what));
const authorization = { Authorization: `Bearer ${token}` };

const pc = new RTCPeerConnection({
  codecs: { video: [codecs[videoCodec]()], audio: [codecs[audioCodec]()] },
  iceUseIpv6: false,
  iceAdditionalHostAddresses: ["127.0.0.1"],
});
const tracks = ["video", "audio"].map((kind) => new MediaStreamTrack({ kind }));
for (const track of tracks) pc.addTransceiver(track, { direction: "sendonly" });
await pc.setLocalDescription(await pc.createOffer());
const headers = { ...authorization, "Content-Type": "application/sdp" };
const answer = await fetch(url, { method: "POST", headers, body: pc.localDescription.sdp });
const text = await answer.text();
say({ status: answer.status, location: answer.headers.get("Location"), etag: answer.headers.get("ETag"), text });
if (answer.status !== 201) process.exit(1);
const connected = pc.connectionStateChange.watch((state) => state === "connected");
await pc.setRemoteDescription({ type: "answer", sdp: text });
await connected;
say({ connected: true });

const data = readFileSync(file);
const began = performance.now();
for (let at = 0; at < data.length; ) {
  const wait = began + data.readDoubleBE(at) - performance.now();
  if (wait > 1) await sleep(wait);
  const length = data.readUInt16BE(at + 9);
  tracks[data[at + 8]].writeRtp(data.subarray(at + 11, at + 11 + length));
  at += 11 + length;
}
const gone = await fetch(new URL(answer.headers.get("Location"), url), { method: "DELETE", headers: authorization });
say({ deleted: gone.status });
await pc.close();
process.exit(0);

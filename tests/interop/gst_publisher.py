"""Publishes a WebM file (VP8 and Opus) by WHIP with GStreamer's webrtcbin, transcoded where asked.

    /usr/bin/python3 gst_publisher.py URL TOKEN FILE VP8|H264 opus|PCMU

Run by the system's Python, which has GStreamer's bindings; it needs nothing of this project. Says on standard output, as
JSON a line: {status, location, etag}, {connected}, {deleted}.
"""

import json
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import gi

gi.require_version("Gst", "1.0")
gi.require_version("GstSdp", "1.0")
gi.require_version("GstWebRTC", "1.0")
from gi.repository import GLib, Gst, GstSdp, GstWebRTC  # noqa: E402

RAW = "queue ! vp8dec ! videoconvert !"
VIDEO = {
    "VP8": f"{RAW} vp8enc deadline=1 cpu-used=8 keyframe-max-dist=30 target-bitrate=600000 ! rtpvp8pay picture-id-mode=2",
    "H264": f"{RAW} openh264enc complexity=low bitrate=600000 ! video/x-h264,profile=constrained-baseline"
    " ! rtph264pay aggregate-mode=zero-latency config-interval=-1",
}
AUDIO = {
    "opus": "queue ! opusparse ! rtpopuspay",
    "PCMU": "queue ! opusdec ! audioconvert ! audioresample ! audio/x-raw,rate=8000,channels=1 ! mulawenc ! rtppcmupay"
    " max-ptime=20000000",
}
CAPS = {  # of the offer, as the encoders have said nothing yet when it is made
    "VP8": "application/x-rtp,media=video,encoding-name=VP8,payload=96",
    "H264": "application/x-rtp,media=video,encoding-name=H264,payload=96,packetization-mode=(string)1",
    "opus": "application/x-rtp,media=audio,encoding-name=OPUS,payload=97",
    "PCMU": "application/x-rtp,media=audio,encoding-name=PCMU,payload=0",
}


class Publisher:
    """One publication from offer to DELETE."""

    def __init__(self, url, token, file, video, audio):
        self.url, self.token, self.location = url, token, ""
        self.loop, self.open = GLib.MainLoop(), 2
        # What came before there is a connection would be held back, and then sent in one go.
        valve = "valve drop=true drop-mode=forward-sticky-events name="
        self.pipeline = Gst.parse_launch(
            f"webrtcbin name=out bundle-policy=max-bundle filesrc location={file} ! matroskademux name=in"
            # Files are read as fast as they are sent, so something must keep the time.
            f" in.video_0 ! {VIDEO[video]} ! {CAPS[video]} ! clocksync ! {valve}video ! out."
            f" in.audio_0 ! {AUDIO[audio]} ! {CAPS[audio]} ! clocksync ! {valve}audio ! out."
        )
        self.out = self.pipeline.get_by_name("out")
        self.ice = self.out.get_property("ice-agent")
        self.ice.emit("add-local-ip-address", "127.0.0.1")  # which it would not use by itself
        self.out.connect("on-negotiation-needed", self.negotiate)
        self.out.connect("notify::ice-gathering-state", self.gathered)
        self.out.connect("notify::connection-state", self.changed)
        for pad in self.out.sinkpads:
            pad.add_probe(Gst.PadProbeType.EVENT_DOWNSTREAM, self.ended)
            transceiver = pad.get_property("transceiver")
            transceiver.set_property("direction", GstWebRTC.WebRTCRTPTransceiverDirection.SENDONLY)
        bus = self.pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message::error", self.broke)
        # Without this, sender reports pair the wrong times: GStreamer leaves it to the application.
        bus.connect("message::latency", lambda *_: self.pipeline.recalculate_latency())

    def run(self):
        self.pipeline.set_state(Gst.State.PLAYING)
        self.loop.run()
        if self.location:
            say(deleted=self.http("DELETE", urllib.parse.urljoin(self.url, self.location))[0])
        self.pipeline.set_state(Gst.State.NULL)

    def negotiate(self, _):
        def offered(promise):
            reply = promise.get_reply()  # it holds the description, so it must stay
            self.out.emit("set-local-description", reply.get_value("offer"), Gst.Promise.new())

        self.out.emit("create-offer", None, Gst.Promise.new_with_change_func(offered))

    def gathered(self, *_):
        if self.out.get_property("ice-gathering-state") == GstWebRTC.WebRTCICEGatheringState.COMPLETE:
            threading.Thread(target=self.publish).start()

    def publish(self):
        offer = self.out.get_property("local-description").sdp.as_text()
        status, headers, text = self.http("POST", self.url, offer)
        self.location = headers.get("Location", "")
        say(status=status, location=self.location, etag=headers.get("ETag"), text=text, offer=offer)
        if status != 201:
            self.loop.quit()
            return
        sdp = GstSdp.SDPMessage.new_from_text(text)[1]
        answer = GstWebRTC.WebRTCSessionDescription.new(GstWebRTC.WebRTCSDPType.ANSWER, sdp)
        self.out.emit("set-remote-description", answer, Gst.Promise.new())

    def changed(self, *_):
        if self.out.get_property("connection-state") == GstWebRTC.WebRTCPeerConnectionState.CONNECTED:
            for name in ("video", "audio"):
                self.pipeline.get_by_name(name).set_property("drop", False)
            say(connected=True)

    def ended(self, _, info):
        """webrtcbin says nothing of an end, so what goes into it is watched."""
        if info.get_event().type == Gst.EventType.EOS:
            self.open -= 1
            if not self.open:
                GLib.timeout_add(500, self.loop.quit)
        return Gst.PadProbeReturn.OK

    def broke(self, _, message):
        error, details = message.parse_error()
        say(error=f"{error.message} ({details})")
        self.loop.quit()

    def http(self, method, url, sdp=None):
        headers = {"Authorization": f"Bearer {self.token}"}
        if sdp is not None:
            headers["Content-Type"] = "application/sdp"
        request = urllib.request.Request(url, sdp and sdp.encode(), headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:
                return answer.status, answer.headers, answer.read().decode()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read().decode()


def say(**what):
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


Gst.init(None)
Publisher(*sys.argv[1:]).run()

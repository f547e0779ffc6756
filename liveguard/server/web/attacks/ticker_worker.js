// A clock that goes on in tabs that nobody looks at: timers of workers are not slowed down.
onmessage = ({ data: every_ms }) => setInterval(() => postMessage(null), every_ms);

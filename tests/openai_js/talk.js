// OpenAI's browser clients as their documentation has them; only the address is another. `seen` is all they were sent.
// `server` is whom they call: another origin than the page's, or undefined for its own.

import { OpenAIRealtimeWebRTC as AgentsWebRTC, RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";
import { OpenAIRealtimeWebRTC } from "openai/realtime/webrtc";

const calls = () => `${globalThis.server ?? location.origin}/v1/realtime/calls`;
globalThis.seen = [];

/** The agents' session: takes the microphone by itself and plays into an audio element. */
globalThis.talkAsAgent = async (token) => {
  const audioElement = document.querySelector("audio");
  const transport = new AgentsWebRTC({ baseUrl: calls(), audioElement });
  const session = new RealtimeSession(new RealtimeAgent({ name: "patient" }), {
    transport,
    model: "card:nursing-leg-wound",
    tracingDisabled: true,
  });
  transport.on("*", (event) => seen.push(event));
  await session.connect({ apiKey: token });
  globalThis.history = () => session.history;
  globalThis.stop = () => session.close();
};

/** The plain client: the program exchanges the descriptions and brings the tracks. */
globalThis.talkPlainly = async (token) => {
  const client = new OpenAIRealtimeWebRTC();
  client.onEvent((event) => seen.push(event));
  client.peerConnection.addEventListener("track", ({ streams }) => {
    document.querySelector("audio").srcObject = streams[0];
  });
  const microphone = await navigator.mediaDevices.getUserMedia({ audio: true });
  client.peerConnection.addTrack(microphone.getAudioTracks()[0], microphone);
  await client.connect({
    exchangeSdp: async (sdp, { signal }) => {
      const headers = { Authorization: `Bearer ${token}`, "Content-Type": "application/sdp" };
      const answer = await fetch(calls(), { method: "POST", headers, body: sdp, signal });
      if (!answer.ok) throw new Error(await answer.text());
      return answer.text();
    },
  });
  globalThis.stop = () => client.close();
};

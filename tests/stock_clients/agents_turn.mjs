// @openai/agents: a realtime agent as its documentation shows it, over a WebSocket in Node.

import { OpenAIRealtimeWebSocket, RealtimeAgent, RealtimeSession } from "@openai/agents/realtime";
import { Turn, address, key, model, speak } from "./sound.mjs";

const turn = new Turn("@openai/agents");
const agent = new RealtimeAgent({ name: "Patient", instructions: "You are a helpful assistant.", voice: "ash" });
const transport = new OpenAIRealtimeWebSocket({ url: `ws://${address}/v1/realtime?model=${model}` });
const session = new RealtimeSession(agent, {
  transport,
  model,
  config: { audio: { input: { turnDetection: { type: "semantic_vad", interruptResponse: true } } } },
});

session.on("error", ({ error }) => turn.failed(error));
session.on("audio", ({ data }) => {
  turn.audio_bytes += data.byteLength;
});
session.on("transport_event", (event) => {
  if (event.type === "conversation.item.input_audio_transcription.completed") turn.transcript = event.transcript;
  if (event.type === "response.done" && turn.audio_bytes) turn.report();
});
await session.connect({ apiKey: key });
speak((frame) => session.sendAudio(frame.buffer.slice(frame.byteOffset, frame.byteOffset + frame.byteLength)));

// openai for JavaScript: its realtime connection in Node, with server turn-taking. It speaks TLS alone.

import OpenAI from "openai";
import { OpenAIRealtimeWS } from "openai/realtime/ws";
import { Turn, address, key, model, speak } from "./sound.mjs";

const turn = new Turn("openai");
const connection = new OpenAIRealtimeWS({ model }, new OpenAI({ apiKey: key, baseURL: `https://${address}/v1` }));

connection.on("error", (error) => turn.failed(error));
connection.on("session.created", () => {
  connection.send({
    type: "session.update",
    session: {
      type: "realtime",
      instructions: "You are a helpful assistant.",
      audio: {
        input: { turn_detection: { type: "semantic_vad", eagerness: "auto" } },
        output: { voice: "marin", speed: 1.0 },
      },
    },
  });
  speak((frame) => connection.send({ type: "input_audio_buffer.append", audio: frame.toString("base64") }));
});
connection.on("response.output_audio.delta", ({ delta }) => {
  turn.audio_bytes += Buffer.from(delta, "base64").length;
});
connection.on("conversation.item.input_audio_transcription.completed", ({ transcript }) => {
  turn.transcript = transcript;
});
connection.on("response.done", () => turn.audio_bytes && turn.report());

/** A language model without a language: it plays a script, through the same service that a real one would be. */
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Prompt from "effect/ai/Prompt"
import type * as Response from "effect/ai/Response"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"

/** Which agents are asked for what, when this is in the prompt. */
export type Script = Readonly<Record<string, ReadonlyArray<{ readonly id: string; readonly agent: string; readonly input: string }>>>

const finish = {
  type: "finish",
  reason: "stop",
  usage: {
    inputTokens: { uncached: undefined, total: 0, cacheRead: undefined, cacheWrite: undefined },
    outputTokens: { total: 0, text: undefined, reasoning: undefined }
  }
} as unknown as Response.PartEncoded

/** Answers a question that the script knows with a call of the tool, and the result of the tool with a summary of what it reads there. */
const answer = (script: Script, { content }: Prompt.Prompt): Array<Response.PartEncoded> => {
  const last = content.at(-1)
  if (last?.role === "tool") {
    const lines = last.content.flatMap((part) => (part.type === "tool-result" ? (part.modelOutput ?? []) : []))
    const read = lines.map((part) => (part.type === "text" ? part.text : "")).join("\n")
    return [{ type: "text", text: read }, finish]
  }
  const asked = JSON.stringify(last)
  const found = Object.entries(script).find(([words]) => asked.includes(words))
  if (found === undefined) return [{ type: "text", text: "I have nothing to say about that." }, finish]
  return [{ type: "tool-call", id: `call-${found[0]}`, name: "parallel_agents", params: { tasks: found[1] } }, finish]
}

export const layer = (script: Script): Layer.Layer<LanguageModel.LanguageModel> =>
  Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: ({ prompt }) => Effect.sync(() => answer(script, prompt)),
      streamText: () => Stream.empty
    })
  )

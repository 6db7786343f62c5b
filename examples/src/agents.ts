/**
 * Lets a planner ask researchers, who ask readers: three levels of agents, all through one tool, with at most four at work.
 *
 * One reader hangs and one crashes. When the time is over, each level answers with what the level below had; nothing that finished is lost. A second run under the same key does only what is missing. The language
 * model plays a script: nothing here needs a network.
 *
 *     node examples/src/agents.ts
 */
import * as AgentGather from "@skein/parallel/AgentGather"
import * as AgentToolkit from "@skein/parallel/AgentToolkit"
import * as Chat from "effect/ai/Chat"
import type * as LanguageModel from "effect/ai/LanguageModel"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as KeyValueStore from "effect/persistence/KeyValueStore"
import { layer as scriptedModel } from "./agents/model.ts"

const cap = 4

/** The pages of a library. Until it is repaired, one shelf is stuck and one falls down. */
const library: Record<string, string> = {
  oak: "Oaks live for a thousand years.",
  elm: "Elms died of a fungus.",
  yew: "Yews are older than churches.",
  wren: "Wrens weigh nine grams.",
  owl: "Owls hear mice under snow.",
  moth: "Moths steer by the moon.",
  bee: "Bees dance directions."
}
let repaired = false
let atWork = 0
let peak = 0
let ran: Array<string> = []

const read = (page: string) =>
  Effect.acquireUseRelease(
    Effect.sync(() => {
      ran.push(page)
      peak = Math.max(peak, ++atWork)
    }),
    () => {
      if (page === "owl" && !repaired) return Effect.never
      if (page === "bee" && !repaired) return Effect.die(new Error("the shelf fell down"))
      return Effect.as(Effect.sleep("20 millis"), library[page])
    },
    () => Effect.sync(() => void atWork--)
  )

/** Asks the model until it wants nothing more from its tool. */
const ask = (question: string): Effect.Effect<string, unknown, LanguageModel.LanguageModel | Handler> =>
  Effect.gen(function* () {
    const chat = yield* Chat.empty
    let response = yield* chat.generateText({ prompt: question, toolkit: agents.toolkit })
    while (response.toolCalls.length > 0) response = yield* chat.generateText({ prompt: [], toolkit: agents.toolkit })
    return response.text
  })

type Handler = Layer.Success<(typeof agents)["layer"]>

const agents: AgentToolkit.AgentToolkit<"parallel_agents", LanguageModel.LanguageModel> = AgentToolkit.make({
  agents: {
    researcher: {
      description: "finds out about a topic with the help of readers",
      run: (topic: string) => Effect.tap(ask(topic), () => Effect.sync(() => ran.push(topic)))
    },
    reader: { description: "reads one page", run: read }
  }
})

const readers = (...pages: ReadonlyArray<string>) => pages.map((page) => ({ id: page, agent: "reader", input: page }))
const script = {
  "survey the forest": ["trees", "birds", "insects"].map((topic) => ({ id: topic, agent: "researcher", input: `study ${topic}` })),
  "study trees": readers("oak", "elm", "yew"),
  "study birds": readers("wren", "owl"),
  "study insects": readers("moth", "bee")
}

const survey = (run: string) =>
  Effect.gen(function* () {
    ran = []
    const gather = yield* AgentGather.AgentGather
    const account = yield* gather.gather([{ id: "planner", input: "survey the forest", run: ask("survey the forest") }], {
      resume: "survey"
    })
    console.log(`---- ${run}\n${account.text}\n`)
    console.log(`worked: ${[...ran].sort().join(", ")}`)
    const { peak: used, running } = yield* gather.stats
    console.log(`never more than ${cap} at work: ${peak <= cap && used <= cap}; left over: ${running}\n`)
    return account.missing
  })

const program = Effect.gen(function* () {
  const store = yield* KeyValueStore.KeyValueStore
  const gather = AgentGather.layer({ concurrency: cap, timeout: "1500 millis", store, name: "survey" })
  const all = agents.layer.pipe(Layer.provideMerge(Layer.merge(gather, scriptedModel(script))))
  return yield* Effect.gen(function* () {
    const missing = yield* survey("first run: one page hangs, one shelf falls down")
    repaired = true
    const left = yield* survey("second run, when the library is repaired: only what is missing")
    return missing > 0 && left === 0
  }).pipe(Effect.provide(all))
})

const ok = await Effect.runPromise(Effect.provide(program, KeyValueStore.layerMemory))
if (!ok || peak > cap) throw new Error("the survey is not what it should be")

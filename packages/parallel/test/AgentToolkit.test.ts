import { Simulator } from "@skein/core/testing"
import * as AgentGather from "@skein/parallel/AgentGather"
import * as AgentToolkit from "@skein/parallel/AgentToolkit"
import type * as AiError from "effect/ai/AiError"
import * as LanguageModel from "effect/ai/LanguageModel"
import type * as Response from "effect/ai/Response"
import type * as Tool from "effect/ai/Tool"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Stream from "effect/Stream"
import { describe, expect, it } from "vitest"
import { after, Meter, rule } from "./kit.ts"

/** A model that plays a script: what it asks the tool for, by the text of the prompt. It answers what the tool gave it. */
const scripted = (script: Readonly<Record<string, object>>): Layer.Layer<LanguageModel.LanguageModel> => {
  const finish = {
    type: "finish",
    reason: "stop",
    usage: {
      inputTokens: { uncached: undefined, total: 0, cacheRead: undefined, cacheWrite: undefined },
      outputTokens: { total: 0, text: undefined, reasoning: undefined }
    }
  } as unknown as Response.PartEncoded
  return Layer.effect(
    LanguageModel.LanguageModel,
    LanguageModel.make({
      generateText: ({ prompt }) =>
        Effect.sync(() => {
          const asked = JSON.stringify(prompt.content.at(-1))
          const found = Object.entries(script).find(([word]) => asked.includes(word))
          if (found === undefined) return [{ type: "text", text: "nothing to do" }, finish]
          return [{ type: "tool-call", id: `call-${found[0]}`, name: "parallel_agents", params: found[1] }, finish]
        }) as Effect.Effect<Array<Response.PartEncoded>>,
      streamText: () => Stream.empty
    })
  )
}

const one = <A, E, R, E2, R2>(stream: Effect.Effect<Stream.Stream<A, E, R>, E2, R2>): Effect.Effect<A, E | E2, R | R2> =>
  Effect.map(Stream.runCollect(Stream.unwrap(stream)), ([result]) => result!)

const task = (agent: string, input = "x", id?: string) => (id === undefined ? { agent, input } : { id, agent, input })

describe("AgentToolkit", () => {
  const meter = new Meter()
  const agents = AgentToolkit.make({
    agents: {
      reader: { description: "reads a page", run: (page: string) => meter.count(after(1, `read ${page}`)) },
      hanger: { run: () => Effect.never },
      crasher: {
        run: () => {
          throw new Error("bug")
        }
      },
      mapper: { run: () => Effect.succeed(new Map([["a", 1]])) }
    }
  })
  const call = (parameters: object) =>
    Effect.flatMap(agents.toolkit, (toolkit) => one(toolkit.handle("parallel_agents", parameters as never))).pipe(
      Effect.provide(agents.layer.pipe(Layer.provide(AgentGather.layer({ timeout: 50, maxTasks: 4, concurrency: 2 }))))
    )

  it("tells the model what the tool does, which agents there are, and what each is for", () => {
    expect(agents.tool.description?.split("\n").slice(1)).toEqual([
      "",
      "Agents:",
      "- reader: reads a page",
      "- hanger",
      "- crasher",
      "- mapper"
    ])
    expect(Object.keys(agents.toolkit.tools)).toEqual(["parallel_agents"])
    const other = AgentToolkit.make({ name: "ask", description: "Asks.", agents: { a: { run: () => Effect.void } } })
    expect([other.tool.name, other.tool.description, Object.keys(other.toolkit.tools)]).toEqual(["ask", "Asks.\n\nAgents:\n- a", ["ask"]])
  })

  rule("gives the model the text of the account, and the application its data", () =>
    Effect.gen(function* () {
      const result = yield* call({ tasks: [task("reader", "page 1", "first"), task("hanger"), task("crasher", "x", ""), task("mapper")] })
      expect(result.isFailure).toBe(false)
      const account = result.result as typeof AgentToolkit.Success.Type
      expect(result.modelOutput).toMatchObject([{ type: "text", text: account.text }])
      expect(account.text.split("\n").slice(0, 8)).toEqual([
        "2 of 4 tasks finished.",
        "",
        "Finished:",
        "- first (reader): read page 1",
        "- mapper-4 (mapper): {}",
        "",
        "Not finished:",
        "- hanger-2 (hanger): still running when the time was over, and stopped"
      ])
      expect(account.reports.map(({ id, status, value }) => [id, status, value])).toEqual([
        ["first", "completed", "read page 1"],
        ["hanger-2", "timeout", undefined],
        ["crasher-3", "failed", undefined],
        ["mapper-4", "completed", "{}"]
      ])
      expect(JSON.parse(JSON.stringify(result.encodedResult))).toEqual(result.encodedResult)
    })
  )

  const wrong: ReadonlyArray<readonly [what: string, parameters: object, error: string, message: string]> = [
    [
      "an agent that is not there",
      { tasks: [task("reader"), task("toString")] },
      "UnknownAgent",
      'there is no agent "toString", the agents are reader, hanger, crasher, mapper; nothing has started'
    ],
    ["no tasks", { tasks: [] }, "NoTasks", "there are no tasks: give at least one"],
    [
      "two tasks with one id",
      { tasks: [task("reader", "1", "a"), task("reader", "2", "a")] },
      "DuplicateId",
      'two tasks have the id "a", each needs one of its own; nothing has started'
    ],
    [
      "too many tasks",
      { tasks: [1, 2, 3, 4, 5].map((n) => task("reader", `${n}`)) },
      "TooManyTasks",
      "5 tasks are too many for one call, at most 4 are allowed; nothing has started"
    ]
  ]
  for (const [what, parameters, error, message] of wrong) {
    rule(`answers ${what} with a failed result that the model can read, and starts nothing`, () =>
      Effect.gen(function* () {
        const before = meter.total
        const result = yield* call(parameters)
        expect([result.isFailure, result.encodedResult]).toEqual([true, { error, message }])
        expect(meter.total).toBe(before)
      })
    )
  }

  rule("answers parameters of another shape with a failed result", () =>
    Effect.gen(function* () {
      const result = yield* call({ tasks: "all" })
      expect([result.isFailure, result.failureOrigin]).toEqual([true, "parameters"])
    })
  )

  it("refuses wrong options at once", () => {
    const make = (options: object) => () => AgentToolkit.make(options as never)
    const run = () => Effect.void
    expect(make({ agents: {} })).toThrow(new RangeError("AgentToolkit.make: agents must be a record of at least one agent, got an object"))
    expect(make({ agents: { a: run } })).toThrow(/^AgentToolkit.make: agents.a must be an object with a function run, got /)
    expect(make({ agents: { a: { run } }, name: "" })).toThrow(
      new RangeError('AgentToolkit.make: name must be a string that is not empty, got ""')
    )
    expect(make({ agents: { a: { run } }, max: 3 })).toThrow(/^AgentToolkit.make: unknown option "max", known are /)
  })

  it("takes the services of agents from where its layer is built", async () => {
    class Library extends Context.Service<Library, { readonly name: string }>()("test/Library") {}
    const { layer, toolkit } = AgentToolkit.make({
      agents: { librarian: { run: (input) => Effect.map(Library, ({ name }) => `${input} of ${name}`) } }
    })
    const program = Effect.flatMap(toolkit, (tools) => one(tools.handle("parallel_agents", { tasks: [task("librarian", "books")] })))
    const services = Layer.merge(AgentGather.layer(), Layer.succeed(Library, { name: "Alexandria" }))
    const result = await Effect.runPromise(Effect.provide(program, layer.pipe(Layer.provide(services))))
    expect((result.result as typeof AgentToolkit.Success.Type).reports[0]!.value).toBe("books of Alexandria")
  })
})

/** Planner, researchers, readers: each level is a model with the same tool, asked in the ordinary way. */
const tree = (meter: Meter) => {
  type Handlers = Tool.HandlersFor<{ readonly parallel_agents: AgentToolkit.ParallelAgents<"parallel_agents"> }>
  type Ask = Effect.Effect<string, AiError.AiError, LanguageModel.LanguageModel | Handlers>
  const ask = (prompt: string): Ask =>
    Effect.flatMap(LanguageModel.generateText({ prompt, toolkit: agents.toolkit }), ({ toolResults }) => {
      const result = toolResults[0]?.result as typeof AgentToolkit.Success.Type | undefined
      return Effect.succeed(result === undefined ? "nothing" : result.text)
    })
  const agents: AgentToolkit.AgentToolkit<"parallel_agents", LanguageModel.LanguageModel> = AgentToolkit.make({
    agents: {
      researcher: { run: ask },
      reader: { run: (page: string) => meter.count(page === "hang" ? Effect.never : page === "crash" ? Effect.die("bug") : after(1, page)) }
    }
  })
  const model = scripted({
    "plan the survey": { tasks: [task("researcher", "study trees"), task("researcher", "study birds")] },
    "study trees": { tasks: [task("reader", "oak"), task("reader", "hang"), task("reader", "elm")] },
    "study birds": { tasks: [task("reader", "wren"), task("reader", "crash")] }
  })
  return { run: ask("plan the survey"), layer: agents.layer, model }
}

describe("AgentToolkit in a tree of models", () => {
  for (const concurrency of [1, 3]) {
    rule(
      `an agent that has the tool calls it itself, three levels deep, under one cap of ${concurrency}`,
      () =>
        Effect.gen(function* () {
          const meter = new Meter()
          const { layer, model, run } = tree(meter)
          const gather = yield* AgentGather.make({ concurrency, timeout: 50 })
          const text = yield* Effect.provide(
            run,
            Layer.provideMerge(layer, Layer.merge(model, Layer.succeed(AgentGather.AgentGather, gather)))
          )
          expect(meter.peak).toBeLessThanOrEqual(concurrency)
          const { peak, running, waiting } = yield* gather.stats
          expect([peak <= concurrency, running, waiting]).toEqual([true, 0, 0])
          if (concurrency === 3) {
            expect(text.split("\n")).toEqual([
              "All 2 tasks finished.",
              "",
              "Finished:",
              "- researcher-1 (researcher), 1 of the calls it made did not finish: 2 of 3 tasks finished.",
              "",
              "  Finished:",
              "  - reader-1 (reader): oak",
              "  - reader-3 (reader): elm",
              "",
              "  Not finished:",
              "  - reader-2 (reader): still running when the time was over, and stopped",
              "",
              "  To try again, call with the missing task.",
              "- researcher-2 (researcher), 1 of the calls it made did not finish: 1 of 2 tasks finished.",
              "",
              "  Finished:",
              "  - reader-1 (reader): wren",
              "",
              "  Not finished:",
              "  - reader-2 (reader): crashed: bug",
              "",
              "  To try again, call with the missing task.",
              "",
              "To try again, call with the same tasks."
            ])
          } else expect(text).toContain("Finished:")
        }).pipe(Effect.scoped),
      { seeds: 30 }
    )
  }

  it("gives back all that it took, interrupted at every step", async () => {
    let meter = new Meter()
    const swept = await Simulator.sweep(
      () =>
        Effect.suspend(() => {
          meter = new Meter()
          const { layer, model, run } = tree(meter)
          return Effect.provide(run, Layer.provideMerge(layer, Layer.merge(model, AgentGather.layer({ concurrency: 1, timeout: 20 }))))
        }),
      // The tool's own fibers are Effect's: a stranger that interrupts the one in which a handler runs leaves its caller waiting for ever.
      { seeds: 1, maxRuns: 300, target: "main", after: () => void expect(meter.running).toBe(0) }
    )
    expect(swept.interrupted.main).toBeGreaterThan(0)
  })
})

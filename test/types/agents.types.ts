/** A gather for agents fails only with its own error; values keep their types; the promise form shows no Effect. */
import type * as Outcome from "@skein/core/Outcome"
import * as AgentFunction from "@skein/parallel/AgentFunction"
import * as AgentGather from "@skein/parallel/AgentGather"
import * as AgentToolkit from "@skein/parallel/AgentToolkit"
import type * as LanguageModel from "effect/ai/LanguageModel"
import type * as Tool from "effect/ai/Tool"
import * as Effect from "effect/Effect"
import type * as Layer from "effect/Layer"
import type { KeyValueStore } from "effect/persistence/KeyValueStore"
import type * as Scope from "effect/Scope"

class Db {
  readonly db = 1
}
declare const ada: Effect.Effect<number, "no route", Db>
declare const bob: Effect.Effect<string>
declare const agents: AgentGather.AgentGather
declare const store: KeyValueStore

type Exactly<A, B> = (<T>() => T extends A ? 1 : 2) extends <T>() => T extends B ? 1 : 2 ? true : never
const is = <_T extends true>(): void => {}

const made = AgentGather.make({ concurrency: 3, store })
is<Exactly<typeof made, Effect.Effect<AgentGather.AgentGather, never, Scope.Scope>>>()
const layer = AgentGather.layer()
is<Exactly<typeof layer, Layer.Layer<AgentGather.AgentGather>>>()

// Tasks may differ: values and errors are those of any of them, failures of tasks are none of the gather.
const gathered = agents.gather([{ id: "ada", run: ada }, { run: bob }])
is<Exactly<typeof gathered, Effect.Effect<AgentGather.Account<number | string, "no route">, AgentGather.AgentGatherError, Db>>>()
declare const account: Effect.Success<typeof gathered>
is<Exactly<typeof account.values, ReadonlyArray<number | string>>>()
is<Exactly<(typeof account.reports)[number]["outcome"], Outcome.Outcome<number | string, "no route">>>()
export const assignable: AgentGather.Account = account

const observed = agents.gather([{ run: bob }], { onReport: ({ outcome }) => is<Exactly<typeof outcome, Outcome.Outcome<string>>>() })
is<Exactly<Effect.Success<typeof observed>["values"], ReadonlyArray<string>>>()

// @ts-expect-error a task has something to run
agents.gather([{ id: "a" }])
// @ts-expect-error an id is a text
agents.gather([{ id: 3, run: bob }])
// @ts-expect-error one cap needs a number
AgentGather.make({ concurrency: "unbounded" })
// @ts-expect-error the store belongs to make
agents.gather([{ run: bob }], { store })
// @ts-expect-error the services of tasks are not forgotten
export const unmet: Effect.Effect<unknown, unknown> = gathered
// @ts-expect-error closing and refusals are not forgotten
export const sure: Effect.Effect<unknown, never, Db> = gathered

// The tool: its layer wants what its agents want, but for its own handler.
type Handler = Tool.HandlersFor<{ readonly parallel_agents: AgentToolkit.ParallelAgents<"parallel_agents"> }>
declare const ask: (question: string) => Effect.Effect<string, Error, LanguageModel.LanguageModel | Handler>
const toolkit = AgentToolkit.make({ agents: { reader: { run: () => ada }, researcher: { description: "asks", run: ask } } })
is<Exactly<typeof toolkit.layer, Layer.Layer<Handler, never, AgentGather.AgentGather | Db | LanguageModel.LanguageModel>>>()
is<Exactly<typeof toolkit.tool.name, "parallel_agents">>()
const named = AgentToolkit.make({ name: "ask_many", agents: { reader: { run: () => bob } } })
is<Exactly<keyof typeof named.toolkit.tools, "ask_many">>()
// @ts-expect-error an agent takes a text
AgentToolkit.make({ agents: { reader: { run: (page: number) => Effect.succeed(page) } } })
// @ts-expect-error an agent gives an effect
AgentToolkit.make({ agents: { reader: { run: async () => 1 } } })

// Without Effect.
declare const plain: AgentFunction.AgentFunction
const promised = plain.gather([{ run: async () => 1 }, { run: () => 2 }], { timeout: "5 seconds", signal: new AbortController().signal })
is<Exactly<typeof promised, Promise<AgentFunction.Account<number>>>>()
const byName = plain.gather([{ agent: "reader", input: { page: 1 } }])
is<Exactly<typeof byName, Promise<AgentFunction.Account>>>()
AgentFunction.create({ store: new Map<string, string>(), retry: { times: 2, while: (error) => error instanceof Error } })
// @ts-expect-error a unit that does not exist
AgentFunction.create({ timeout: "5 fortnights" })
// @ts-expect-error a function, not an effect
plain.gather([{ run: bob }])
// @ts-expect-error its word is signal
plain.gather([], { stop: new AbortController().signal })

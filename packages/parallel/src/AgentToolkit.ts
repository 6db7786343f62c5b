/**
 * Gives a language model one tool that runs many agents at once: an `AgentGather` as a `Toolkit` of Effect's AI modules.
 *
 * A toolkit owns nothing. What its tool starts belongs to the `AgentGather` that its layer is built on: one cap for the whole tree, also where agents have the tool themselves.
 *
 * The module holds `make`, which takes a registry of agents and gives the toolkit and the layer of its handler, and the schemas of what the tool takes and gives.
 *
 * **Details**
 *
 * The model calls the tool with a list of `{ id?, agent, input }` and may give a `resume` key. It reads the text of the account. The application gets the same as data in `toolResults`.
 *
 * | the model asks for | it reads |
 * | --- | --- |
 * | agents of which some fail or hang | the account: what finished, what did not, why, and how to run what is missing |
 * | an agent that is not there, two tasks with one id, none at all, too many | a failed tool result that says so, and what there is; nothing has started |
 * | parameters of another shape | a failed tool result with what the schema says |
 *
 * **Gotchas**
 *
 * The key for `resume` is the model's own words. Give the gather a store with a prefix for each user or conversation, or they share their results.
 *
 * **Example** (Calling the tool as a model would)
 *
 * ```ts
 * import * as AgentGather from "@skein/parallel/AgentGather"
 * import * as AgentToolkit from "@skein/parallel/AgentToolkit"
 * import * as Effect from "effect/Effect"
 * import * as Layer from "effect/Layer"
 * import * as Stream from "effect/Stream"
 *
 * const agents = AgentToolkit.make({
 *   agents: {
 *     reader: { description: "reads one page", run: (page) => Effect.succeed(`${page} is about oaks`) },
 *     hanger: { run: () => Effect.never }
 *   }
 * })
 *
 * const program = Effect.gen(function*() {
 *   const toolkit = yield* agents.toolkit
 *   const tasks = [{ agent: "reader", input: "page 1" }, { agent: "hanger", input: "page 2" }]
 *   const [result] = yield* Stream.runCollect(Stream.unwrap(toolkit.handle("parallel_agents", { tasks })))
 *   console.log(result?.modelOutput?.[0]?.type) // => text
 *   if (result !== undefined && "text" in result.result) console.log(result.result.text.split("\n")[0]) // => 1 of 2 tasks finished.
 * })
 *
 * const layer = agents.layer.pipe(Layer.provide(AgentGather.layer({ timeout: "50 millis" })))
 * await Effect.runPromise(Effect.provide(program, layer))
 * ```
 *
 * @since 0.1.0
 */
import * as Settings from "@skein/core/Settings"
import * as Prompt from "effect/ai/Prompt"
import * as Tool from "effect/ai/Tool"
import * as Toolkit from "effect/ai/Toolkit"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Layer from "effect/Layer"
import * as Schema from "effect/Schema"
import { AgentGather, type Account, AgentGatherError } from "./AgentGather.ts"
import { problemOf } from "./internal/agentRecord.ts"
import { textOf } from "./internal/agentText.ts"

/**
 * An agent that the model may call.
 *
 * @category models
 * @since 0.1.0
 */
export interface Agent<out Eff extends Effect.Effect<any, any, any> = Effect.Effect<any, any, any>> {
  /**
   * For the model: what it does, and what input it wants.
   *
   * @default none
   */
  readonly description?: string | undefined
  /** Does what the input says. Its value is shown to the model: a string as it is, an `Account` by its text, anything else as JSON. */
  readonly run: (input: string) => Eff
}

/**
 * How a toolkit is made. Wrong values and unknown names are refused at once by a `RangeError`.
 *
 * @category options
 * @since 0.1.0
 */
export interface Options<Agents extends Readonly<Record<string, Agent>>, Name extends string = "parallel_agents"> {
  /** The agents by name, at least one. */
  readonly agents: Agents
  /**
   * The name of the tool. Two toolkits in one program need two names.
   *
   * @default "parallel_agents"
   */
  readonly name?: Name | undefined
  /**
   * For the model: what the tool does; the list of agents is added.
   *
   * @default a few sentences
   */
  readonly description?: string | undefined
}

/**
 * What the tool takes.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Parameters = Schema.Struct({
  tasks: Schema.Array(
    Schema.Struct({
      id: Schema.optionalKey(Schema.String.annotate({ description: "a short name of your own for this task" })),
      agent: Schema.String.annotate({ description: "the name of the agent" }),
      input: Schema.String.annotate({ description: "what the agent shall do" })
    })
  ).annotate({ description: "what to do, all at the same time" }),
  resume: Schema.optionalKey(
    Schema.String.annotate({
      description: "a key of your choice; call again with the same key and tasks to run only those that did not finish"
    })
  )
})

/**
 * What the tool gives: an account as data. A value that JSON cannot hold is there as text.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Success = Schema.Struct({
  text: Schema.String,
  total: Schema.Number,
  completed: Schema.Number,
  missing: Schema.Number,
  reports: Schema.Array(
    Schema.Struct({
      id: Schema.String,
      path: Schema.String,
      agent: Schema.optionalKey(Schema.String),
      status: Schema.Literals(["completed", "failed", "timeout", "cancelled", "notStarted"]),
      why: Schema.String,
      value: Schema.optionalKey(Schema.Unknown),
      resumed: Schema.Boolean,
      kept: Schema.Boolean,
      missing: Schema.Number
    })
  ),
  notes: Schema.Array(Schema.String)
})

/**
 * What the tool gives if it could not do it at all: the tag of the reason, and a message that says what to change.
 *
 * @category schemas
 * @since 0.1.0
 */
export const Failure = Schema.Struct({ error: Schema.String, message: Schema.String })

/**
 * The tool.
 *
 * @category models
 * @since 0.1.0
 */
export interface ParallelAgents<Name extends string> extends Tool.Tool<
  Name,
  {
    readonly parameters: typeof Parameters
    readonly success: typeof Success
    readonly failure: typeof Failure
    readonly failureMode: "return"
  }
> {}

/**
 * A tool, the toolkit that holds it, and its handler.
 *
 * @category models
 * @since 0.1.0
 */
export interface AgentToolkit<Name extends string, R> {
  readonly tool: ParallelAgents<Name>
  /** To hand to `LanguageModel.generateText`, alone or merged with others. */
  readonly toolkit: Toolkit.Toolkit<{ readonly [K in Name]: ParallelAgents<Name> }>
  /** Provides the handler, also to the agents themselves: one that is given the toolkit may call it. The services that agents need are taken from where the layer is built. */
  readonly layer: Layer.Layer<Tool.HandlersFor<{ readonly [K in Name]: ParallelAgents<Name> }>, never, AgentGather | R>
}

const about =
  "Runs several agents at the same time and waits for all of them, up to a time limit. Results that finished are always returned, also if others fail or take too long. Independent work belongs into one call."

/**
 * Makes a tool of a registry of agents.
 *
 * @throws RangeError if an option is wrong or unknown
 * @category constructors
 * @since 0.1.0
 */
export const make = <const Agents extends Readonly<Record<string, Agent>>, const Name extends string = "parallel_agents">(
  options: Options<Agents, Name>
): AgentToolkit<
  Name,
  Exclude<Effect.Services<ReturnType<Agents[keyof Agents]["run"]>>, Tool.HandlersFor<{ readonly [K in Name]: ParallelAgents<Name> }>>
> => {
  const where = "AgentToolkit.make"
  Settings.known(where, options, ["agents", "name", "description"])
  const { agents, description, name = "parallel_agents" } = options
  const known = agentsOf(where, agents)
  if (typeof name !== "string" || name === "") throw Settings.mustBe(where, "name", "a string that is not empty", name)
  const list = known.map((agent) => `- ${agent}${agents[agent]!.description === undefined ? "" : `: ${agents[agent]!.description}`}`)
  const tool = Tool.make(name, {
    description: [Settings.text(where, "description", description) ?? about, "", "Agents:", ...list].join("\n"),
    parameters: Parameters,
    success: Success,
    failure: Failure,
    failureMode: "return",
    toModelOutput: ({ text }) => [Prompt.textPart({ text })]
  })
  const toolkit = Toolkit.make(tool)
  const handlers = Effect.gen(function* () {
    const gatherer = yield* AgentGather
    const run = ({ resume, tasks }: typeof Parameters.Type) => {
      if (tasks.length === 0) return Effect.fail(new AgentGatherError({ reason: { _tag: "NoTasks" } }))
      const stranger = tasks.find(({ agent }) => !Object.hasOwn(agents, agent))
      if (stranger !== undefined) {
        return Effect.fail(new AgentGatherError({ reason: { _tag: "UnknownAgent", agent: stranger.agent, known } }))
      }
      return gatherer.gather(
        tasks.map(({ agent, id, input }) => ({
          id,
          agent,
          input,
          run: Effect.provideContext(
            Effect.suspend(() => agents[agent]!.run(input)),
            // Agents may have this very tool, so they get its handler too. It is there when the first of them runs.
            context
          )
        })),
        // Models give an empty string for what they leave out.
        { resume: resume === "" ? undefined : resume }
      )
    }
    const handler = (parameters: typeof Parameters.Type) =>
      run(parameters).pipe(
        Effect.map(dataOf),
        Effect.mapError(({ message, reason }) => ({ error: reason._tag, message }))
      )
    const context: Context.Context<never> = yield* toolkit.toHandlers({ [name]: handler } as never)
    return context
  })
  return { tool, toolkit, layer: Layer.effectContext(handlers as never) } as never
}

const agentsOf = (where: string, agents: Readonly<Record<string, Agent>>): ReadonlyArray<string> => {
  if (typeof agents !== "object" || agents === null || Object.keys(agents).length === 0) {
    throw Settings.mustBe(where, "agents", "a record of at least one agent", agents)
  }
  for (const [name, agent] of Object.entries(agents)) {
    if (typeof agent?.run !== "function") throw Settings.mustBe(where, `agents.${name}`, "an object with a function run", agent)
    Settings.text(where, `agents.${name}.description`, agent.description)
  }
  return Object.keys(agents)
}

const dataOf = ({ completed, missing, notes, reports, text, total }: Account): typeof Success.Type => ({
  text,
  total,
  completed,
  missing,
  reports: reports.map(({ agent, id, kept, missing, outcome, path, resumed, status, why }) => ({
    id,
    path,
    ...(agent === undefined ? {} : { agent }),
    status,
    why,
    ...(outcome._tag !== "Completed" || outcome.value === undefined
      ? {}
      : { value: problemOf(outcome.value) === undefined ? outcome.value : textOf(outcome.value) }),
    resumed,
    kept,
    missing
  })),
  notes
})

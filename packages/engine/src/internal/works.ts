/** Finds the work of stored jobs again: a task among those that the engine was given or in its module, a command from its words. */
import * as TaskRunner from "@skein/parallel/TaskRunner"
import * as Cause from "effect/Cause"
import * as Duration from "effect/Duration"
import * as Effect from "effect/Effect"
import type { Json } from "../JobStore.ts"
import { textOf } from "./ends.ts"
import { type AnyTask, asItIs, isTask, ofTask, type Portable, withTrouble, type Work } from "./work.ts"

type Data = { readonly [key: string]: Json }

/** Finds work by what a store keeps of it. What cannot be found is work that fails and says why. */
export class Works {
  private readonly tasks: ReadonlyMap<string, AnyTask>
  private readonly found = new Map<string, Work>()

  constructor(tasks: ReadonlyArray<AnyTask>) {
    this.tasks = new Map(tasks.map((task) => [task.definition.name, task]))
  }

  /** Loads what is not loaded yet. */
  load(all: ReadonlyArray<Data>): Effect.Effect<void> {
    const fresh = new Map(all.map((data) => [JSON.stringify(data), data] as const).filter(([key]) => !this.found.has(key)))
    return Effect.forEach(
      fresh,
      ([key, data]) =>
        Effect.map(this.search(data), (work) => {
          this.found.set(key, work)
        }),
      { concurrency: "unbounded", discard: true }
    )
  }

  /** The work that was loaded. */
  of(data: Data): Work {
    return this.found.get(JSON.stringify(data))!
  }

  private search(data: Data): Effect.Effect<Work> {
    const { export: name, kind, module, name: task } = data as { readonly [key: string]: string }
    if (kind === "command") {
      return Effect.matchCause(
        Effect.promise(async () => (await import("./output/commandData.ts")).workOf(data)),
        { onFailure: (cause) => failing(data, () => Cause.prettyErrors(cause)[0]!), onSuccess: (work) => work }
      )
    }
    const known = this.tasks.get(task!)
    if (known !== undefined) return Effect.succeed(ofTask(known))
    const why = (message: string): Work =>
      failing(
        data,
        () =>
          new TaskRunner.TaskRunnerError({
            task: task!,
            flavour: "inline",
            reason: { _tag: "ModuleNotFound", module: module === "" ? "its module" : module!, message }
          })
      )
    if (module === "")
      return Effect.succeed(why("its module cannot be loaded by its name: give the task to the engine as one of its `tasks`"))
    return Effect.match(
      Effect.tryPromise({
        try: async () => ((await import(/* @vite-ignore */ module!)) as { readonly [key: string]: unknown })[name!],
        catch: textOf
      }).pipe(
        Effect.timeoutOrElse({ duration: patience, orElse: () => Effect.fail(`it has not loaded within ${Duration.format(patience)}`) })
      ),
      {
        onFailure: why,
        onSuccess: (value) => (isTask(value) ? found(value, data) : why(`it exports no task named ${JSON.stringify(name)}`))
      }
    )
  }
}

/** A module that waits for ever must not keep an engine from opening. */
const patience = Duration.seconds(10)

/** What is kept of it stays what it was found by. */
const found = (task: AnyTask, data: Data): Work => {
  const work = ofTask(task)
  return { ...work, portable: { ...(work.portable as Portable), data: data as Portable["data"] } }
}

const failing = (data: Data, error: () => Error): Work => {
  const refuse = (): never => {
    throw error()
  }
  const codec = { encode: refuse, decode: refuse }
  return {
    start: () => Effect.fail(error()),
    portable: { data: data as { readonly kind: "task" }, input: asItIs, success: codec, error: withTrouble(codec) },
    onLost: "fail"
  }
}

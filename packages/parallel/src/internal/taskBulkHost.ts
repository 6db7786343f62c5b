/**
 * Carries out a chunk of an effect task: each item as a call of its own, in a fiber of its own where its effect is more than a value that is there.
 */
import * as Clock from "effect/Clock"
import * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type { Answer, HostHandle, HostPort, Meta, Wire } from "../TaskRunner.ts"
import * as answer from "./taskAnswer.ts"
import { BulkRun } from "./taskBulkRun.ts"
import { answerOf, contextOf, effectOf, HostedCall, type Hosted } from "./taskHost.ts"
import * as parts from "./taskParts.ts"

class EffectChunk extends BulkRun {
  private readonly task: Hosted
  private readonly context: Context.Context<never>
  private readonly list: ReadonlyArray<unknown> | undefined
  private readonly coded: ReadonlySet<number>

  constructor(task: Hosted, payload: Wire, meta: Meta, port: HostPort) {
    super(payload, meta, port, nowOf(port))
    this.task = task
    this.context = contextOf(meta, port)
    this.coded = new Set(this.chunk.coded)
    this.list = this.listOf(({ text }) => JSON.parse(text))
  }

  private read(index: number): unknown {
    const { coded, list, payload, task } = this
    if (list === undefined) return this.numbers[index]
    if (this.chunk.bytes !== undefined || (task.payload.mayBePlain && !coded.has(index))) return list[index]
    return parts.deliver(payload, () => task.payload.read(list[index]))
  }

  protected begin(index: number): HostedCall | undefined {
    const { task } = this
    let effect: Effect.Effect<unknown, unknown>
    try {
      const value = this.read(index)
      if (task.layer === undefined) {
        // What a task makes before its effect runs is made outside of any fiber, as in the mapper of a map: only an effect that is a value already is looked at here.
        const made = attempt(task, value)
        if (Exit.isExit(made)) {
          this.end(index, made as Exit.Exit<unknown, unknown>)
          return undefined
        }
        effect = made
      } else effect = effectOf(task, value)
    } catch (error) {
      this.done(index, answer.refused("Rejected", error instanceof Error ? error.message : String(error)))
      return undefined
    }
    const call = new HostedCall({
      name: this.nameOf(index) ?? this.meta.name ?? task.name,
      remaining: this.remaining(),
      send: (text) => this.say(index, text),
      end: (exit) => this.end(index, exit)
    })
    call.start(effect, this.context)
    return call
  }

  private end(index: number, exit: Exit.Exit<unknown, unknown>): void {
    if (this.chunk.gives === true && Exit.isSuccess(exit) && this.task.success.fitsNumber(exit.value)) this.done(index, exit.value)
    else this.done(index, answerOf(this.task, exit) as Answer)
  }

  /** As other fibers get theirs, by the scheduler that this thread has. */
  protected turn(then: () => void): void {
    Effect.runForkWith(this.context)(Effect.yieldNow).addObserver(then)
  }
}

const attempt = (task: Hosted, value: unknown): Effect.Effect<unknown, unknown> => {
  try {
    return task.run(value) as Effect.Effect<unknown, unknown>
  } catch (defect) {
    return Effect.die(defect)
  }
}

const live = (): number => performance.timeOrigin + performance.now()

/** The clock that calls in this thread run with. */
const nowOf = ({ context }: HostPort): (() => number) => {
  if (context === undefined) return live
  const clock = Context.get(context, Clock.Clock)
  return () => clock.currentTimeMillisUnsafe()
}

/** Carries out a chunk. One that cannot be read at all is refused as a whole. */
export const execute = (task: Hosted, payload: Wire, meta: Meta, port: HostPort): HostHandle => {
  const run = new EffectChunk(task, payload, meta, port)
  run.pump()
  return run
}

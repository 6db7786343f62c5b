/**
 * One call that gives its outcomes away as an async iterator.
 *
 * It pulls no further ahead than its places and `buffer` allow: an outcome is consumed when its reader comes for the next one.
 */
import type * as Outcome from "@skein/core/Outcome"
import type * as Fiber from "effect/Fiber"
import { launch, type Job, PromiseGather } from "./promiseGather.ts"
import type { CallPlan } from "./promiseOptions.ts"
import { outcomeOf } from "./promiseResult.ts"
import type { Outcome as PlainOutcome } from "./promiseTypes.ts"

type AnyOutcome = Outcome.Outcome<any, unknown>
type Answer = IteratorResult<PlainOutcome<any>, undefined>

export interface Flow {
  readonly order: "completion" | "input"
  readonly buffer: number
}

interface Reader {
  readonly resolve: (answer: Answer) => void
  readonly reject: (error: unknown) => void
}

const done: Answer = { done: true, value: undefined }

class StreamCall extends PromiseGather {
  private out: Array<AnyOutcome> = []
  private at = 0
  private readonly held: Map<number, AnyOutcome> | undefined
  private inTurn = 0
  private readonly window: number
  private asked = 0
  private readonly readers: Array<Reader> = []
  private ended = false
  private problem: { readonly error: unknown } | undefined
  /** Where the items begin that never started. */
  private tail = Infinity
  private gone = false
  private readonly over: () => void

  constructor(owner: Fiber.Fiber<any, any>, call: CallPlan, job: Job, flow: Flow, over: () => void) {
    super(owner, call, job)
    this.window = this.settings.concurrency + flow.buffer
    this.held = flow.order === "input" ? new Map() : undefined
    this.mayPull = this.window
    this.over = over
  }

  begin(): void {
    this.start()
  }

  next(reader: Reader): void {
    // Whoever asks for one more has consumed the one before.
    this.asked++
    if (this.stoppedAt === undefined) this.mayPull = this.asked - 1 + this.window
    this.readers.push(reader)
    if (!this.ended && !this.gone) this.fill()
    this.serve()
  }

  private serve(): void {
    while (this.readers.length > 0) {
      const outcome = this.nextOut()
      if (outcome !== undefined) this.readers.shift()!.resolve({ done: false, value: outcomeOf(outcome) })
      else if (this.ended || this.gone) {
        const { problem } = this
        this.problem = undefined
        if (problem === undefined) this.readers.shift()!.resolve(done)
        else this.readers.shift()!.reject(problem.error)
      } else return
    }
  }

  private nextOut(): AnyOutcome | undefined {
    if (this.at < this.out.length) {
      const outcome = this.out[this.at++]!
      if (this.at === this.out.length || this.at > 1_024) {
        this.out = this.out.slice(this.at)
        this.at = 0
      }
      return outcome
    }
    return this.ended && this.tail < this.size! ? this.neverPulled(this.tail++, this.endedBy!) : undefined
  }

  protected override keep(outcome: AnyOutcome): void {
    if (this.gone) return
    const { held } = this
    if (held === undefined) this.out.push(outcome)
    else {
      held.set(outcome.index, outcome)
      for (let next = held.get(this.inTurn); next !== undefined; next = held.get(this.inTurn)) {
        held.delete(this.inTurn++)
        this.out.push(next)
      }
    }
    this.serve()
  }

  protected end(): void {
    const failure = this.sourceError(undefined) ?? undefined
    const first = this.firstError()
    const closed = this.endedBy?.reason._tag === "ExecutorClosed" && this.job.closed !== undefined
    if (failure !== undefined) this.problem = { error: failure }
    else if (first !== undefined) this.problem = first
    else if (closed) this.problem = { error: this.job.closed(undefined) }
    else if (this.endedBy !== undefined && this.size !== undefined) this.tail = this.pulled
    if (this.gone) {
      // Nobody is there to be told.
      if (failure !== undefined) this.warn(`its source failed when its reader had gone: ${failure.message}`)
      this.problem = undefined
      this.tail = Infinity
    }
    this.ended = true
    this.over()
    this.serve()
  }

  /** The reader has gone: stops what runs. */
  leave(): void {
    if (this.ended || this.gone) return
    this.gone = true
    this.out = []
    this.at = 0
    this.stop({ reason: { _tag: "Stopped" } }, false)
    this.serve()
  }
}

/** An iterator whose first `next` starts the call. */
class Outcomes implements AsyncIterator<PlainOutcome<any>, undefined> {
  readonly #call: CallPlan
  readonly #job: Job
  readonly #flow: Flow
  #stream: StreamCall | undefined
  /** The call is over. */
  #over: Promise<void> | undefined
  #left = false

  constructor(call: CallPlan, job: Job, flow: Flow) {
    this.#call = call
    this.#job = job
    this.#flow = flow
  }

  next(): Promise<Answer> {
    if (this.#left) return Promise.resolve(done)
    return new Promise((resolve, reject) => {
      if (this.#stream === undefined) this.#start(reject)
      this.#stream?.next({ resolve, reject })
    })
  }

  #start(reject: (error: unknown) => void): void {
    this.#over = new Promise((ended) => {
      launch(
        (owner, over) => {
          const end = (): void => {
            over()
            ended()
          }
          this.#stream = new StreamCall(owner, this.#call, this.#job, this.#flow, end)
          this.#stream.begin()
        },
        (error) => {
          ended()
          reject(error)
        }
      )
    })
  }

  async return(): Promise<Answer> {
    this.#left = true
    this.#stream?.leave()
    await this.#over
    return done
  }

  async throw(error?: unknown): Promise<Answer> {
    await this.return()
    throw error
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return()
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}

/** Each iteration is a call of its own. */
export const stream = (call: CallPlan, job: Job, flow: Flow): AsyncIterable<PlainOutcome<any>> => ({
  [Symbol.asyncIterator]: () => new Outcomes(call, job, flow)
})

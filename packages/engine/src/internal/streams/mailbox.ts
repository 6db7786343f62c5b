/** Holds what an observer was told until its one reader takes it. To offer never waits, so that whoever tells is never held up. */
import type { NonEmptyReadonlyArray } from "effect/Array"
import * as Effect from "effect/Effect"
import { Fifo } from "./fifo.ts"

export class Mailbox<A> {
  /** How many were thrown away so far: the oldest, or with `refuse` those that came when it was full. */
  lost = 0
  /** Nothing more comes. */
  isOver = false
  private readonly items = new Fifo<A>()
  private wake: (() => void) | undefined
  readonly capacity: number
  private readonly whenFull: "slide" | "refuse"

  constructor(capacity: number, whenFull: "slide" | "refuse" = "slide") {
    this.capacity = capacity
    this.whenFull = whenFull
  }

  get size(): number {
    return this.items.size
  }

  /** Whether its reader has nothing to wait for. */
  readonly isReady = (): boolean => this.isOver || this.size > 0

  readonly offer = (item: A): void => {
    if (this.isOver) return
    if (this.size >= this.capacity) {
      this.lost++
      if (this.whenFull === "refuse") return this.end()
      this.items.shift()
    }
    this.items.push(item)
    this.tell()
  }

  end(): void {
    this.isOver = true
    this.tell()
  }

  /** Everything that is there, if there is anything. */
  takeAll(): NonEmptyReadonlyArray<A> | undefined {
    return this.size === 0 ? undefined : (this.items.takeAll() as unknown as NonEmptyReadonlyArray<A>)
  }

  /** Calls back once, as soon as there is something to take or nothing more comes. Gives a function that withdraws the wish. */
  readonly onReady = (wake: () => void): (() => void) => {
    this.wake = wake
    if (this.isReady()) this.tell()
    return () => {
      if (this.wake === wake) this.wake = undefined
    }
  }

  /** Waits until there is something to take, or nothing more comes. */
  readonly ready: Effect.Effect<void> = Effect.callback<void>((resume) => {
    const withdraw = this.onReady(() => resume(Effect.void))
    return Effect.sync(withdraw)
  })

  private tell(): void {
    const { wake } = this
    this.wake = undefined
    wake?.()
  }
}

/** Keeps the outcomes of a group in the order of completion, and hands each to one reader. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import * as Option from "effect/Option"
import type * as Outcome from "../Outcome.ts"
import type { GroupPump } from "./groupPump.ts"
import type { GroupTask } from "./groupTask.ts"
import { suspendIn } from "./groupWait.ts"
import * as lineage from "./lineage.ts"

type Member = GroupTask<any, any> | undefined

export class GroupOutcomes<E> {
  /** In the order of completion. */
  readonly list: Array<Outcome.Outcome<any, E>> = []
  private readonly group: GroupPump<E>
  private read = 0
  private readonly readers = new Set<() => void>()
  /** How many members of the group wait in `next`: when nobody else is left, one of them gets `None`. */
  private members = 0

  constructor(group: GroupPump<E>) {
    this.group = group
  }

  /** Wakes the readers that now have an answer. */
  look(): void {
    if (this.readers.size > 0) for (const look of [...this.readers]) look()
  }

  readonly next: Effect.Effect<Option.Option<Outcome.Outcome<unknown, E>>> = Effect.withFiber((fiber) => {
    const self = this.group.member(lineage.current(fiber))
    if (this.read < this.list.length) {
      const outcome = this.list[this.read++]!
      this.group.saw(outcome)
      return Effect.succeed(Option.some(outcome))
    }
    if (this.nothingLeft(self)) return Effect.succeed(Option.none())
    // It is taken only when the caller goes on, which may be later than it is there: a caller that was interrupted meanwhile has taken nothing.
    return Effect.flatMap(this.change(fiber, self), () => this.next)
  })

  /** Waits until `next` has an answer for this caller. */
  private change(fiber: Fiber.Fiber<unknown, unknown>, self: Member): Effect.Effect<true> {
    const hasAnswer = (): boolean => this.read < this.list.length || this.nothingLeft(self)
    return suspendIn<true>(
      this.group,
      fiber,
      () => `the next outcome of group ${this.group.name ?? "without a name"}`,
      () => hasAnswer() || undefined,
      (wake) => {
        if (self !== undefined && self.inNext++ === 0) this.members++
        const leave = (): void => {
          if (this.readers.delete(look) && self !== undefined && --self.inNext === 0) this.members--
        }
        const look = (): void => {
          if (!this.readers.has(look) || !hasAnswer()) return
          leave()
          wake(true)
        }
        this.readers.add(look)
        // One more member waits: perhaps nobody is left now for whom the others wait.
        if (self !== undefined) for (const other of [...this.readers]) if (other !== look) other()
        return leave
      }
    )
  }

  /** Whether no outcome will come for this caller: members that wait in `next` themselves have none to give. */
  private nothingLeft(self: Member): boolean {
    const waiting = self === undefined ? 0 : this.members + (self.inNext === 0 ? 1 : 0)
    return this.group.unsettled() <= waiting
  }
}

/**
 * Keeps the time limits of one call: its own `timeout`, and the deadlines around it, which it answers by itself (law 10).
 */
import * as Duration from "effect/Duration"
import type { Settings } from "../Settings.ts"
import * as lineage from "./lineage.ts"
import type { Cut } from "./task.ts"
import type { Entry, Timers } from "./timers.ts"

export class CallLimits {
  readonly node: lineage.CallNode
  private readonly timers: Timers
  private readonly startedAt: number
  private readonly outer: lineage.Node | undefined
  private readonly own: lineage.DeadlineNode | undefined
  private ownEntry: Entry | undefined
  private answeredDeadlines: (() => void) | undefined
  private unlist: (() => void) | undefined
  private reached = false

  constructor(
    owner: lineage.AnyFiber,
    settings: Settings,
    timers: Timers,
    startedAt: number,
    about: Pick<lineage.CallNode, "onProgress" | "dump">
  ) {
    this.timers = timers
    this.startedAt = startedAt
    const outer = (this.outer = lineage.current(owner))
    const observer = outer?.observer
    if (settings.timeout < Infinity) {
      this.own = {
        kind: "deadline",
        parent: outer,
        observer,
        ended: false,
        at: startedAt + settings.timeout,
        move: (at) => this.move(at),
        listeners: undefined,
        answering: 0,
        onAnswered: undefined
      }
    }
    this.node = { kind: "call", parent: this.own ?? outer, observer, ended: false, name: settings.name, ...about }
  }

  /** Starts the clocks. Gives the cut if a limit is over already: then nothing may start. */
  open(answerer: lineage.Answerer): Cut | undefined {
    this.answeredDeadlines = lineage.registerAnswerer(this.node.parent, answerer)
    this.unlist = lineage.listCall(this.node)
    const over = this.overAt(this.startedAt)
    const { own } = this
    if (over === undefined && own !== undefined) this.ownEntry = this.timers.add(own.at, () => lineage.announce(own))
    return over
  }

  /** The cut for a limit that is over at `now`, if one is, told or not. An outer deadline goes before the call's own. */
  overAt(now: number): Cut | undefined {
    const outerAt = lineage.deadlineOf(this.outer)
    if (outerAt <= now) return this.deadlineCut(outerAt)
    return this.own !== undefined && this.own.at <= now ? this.callCut() : undefined
  }

  /** The cut for a limit that has just announced itself. */
  cutOf(node: lineage.LimitNode): Cut {
    this.reached = true
    return node === this.own ? this.callCut() : this.deadlineCut(node.at)
  }

  /** Says that the call has given its answer to the deadlines around it, while it may still be in use. */
  answered(): void {
    this.answeredDeadlines?.()
  }

  /** Ends the clocks. Deadlines do not wait for this call any more. */
  close(): void {
    if (this.ownEntry !== undefined) this.timers.cancel(this.ownEntry)
    this.node.ended = true
    if (this.own !== undefined) this.own.ended = true
    this.unlist?.()
    this.answeredDeadlines?.()
  }

  private move(at: number): void {
    if (this.own === undefined || this.own.ended || this.reached) return
    this.own.at = at
    if (this.ownEntry !== undefined) this.timers.move(this.ownEntry, at)
  }

  private callCut(): Cut {
    const after = this.own!.at - this.startedAt
    return { limit: "call", after, reason: { _tag: "CallTimeout", after: Duration.millis(after) } }
  }

  private deadlineCut(at: number): Cut {
    return { limit: "deadline", after: Math.max(0, at - this.startedAt), reason: { _tag: "DeadlineReached", at } }
  }
}

/**
 * Orders what an engine does into steps.
 *
 * A step touches memory only, calls nobody, and leaves what is to be done about it (a start, a waiter to wake, an observer to tell, an alarm to set) in a list. When the step is over `commit` writes its changes to
 * the journal and then works through the list. What is done there may call the engine again; that is another step, whose list is worked through by the same loop. So nobody sees half a change, nothing is acted upon before it is recorded, and no
 * chain of jobs becomes a recursion. While the journal is being written further steps may happen; what they leave waits for the next write.
 */
import type * as Cause from "effect/Cause"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import type * as Fiber from "effect/Fiber"
import type { Change, Journal, JournalError } from "./journal.ts"

export abstract class Steps {
  /** The journal failed: nothing is started any more. */
  broken: JournalError | undefined
  private readonly journal: Journal | undefined
  private changes: Array<Change> = []
  private todo: Array<() => void> = []
  private committing = false

  constructor(journal: Journal | undefined) {
    this.journal = journal
  }

  /** Finishes a step in memory. */
  protected abstract propagate(): void
  /** Calls `act` in a later turn. */
  protected abstract later(act: () => void): void
  /** Starts the fiber of a write. */
  protected abstract write(effect: Effect.Effect<void, JournalError>): Fiber.Fiber<void, JournalError>
  /** Called when nothing is left to be done. */
  protected abstract tellIdle(): void
  protected abstract broke(cause: Cause.Cause<JournalError>, changes: ReadonlyArray<Change>): void

  /** Leaves a change for the journal. */
  note(change: Change): void {
    if (this.journal !== undefined) this.changes.push(change)
  }

  /** Leaves something to be done when the step is over. */
  after(act: () => void): void {
    this.todo.push(act)
  }

  /** Ends a step. */
  commit(): void {
    this.propagate()
    if (this.committing) return
    this.committing = true
    while (this.todo.length > 0 || this.changes.length > 0) {
      if (this.journal === undefined || this.changes.length === 0 || this.broken !== undefined) {
        const { todo } = this
        this.changes = []
        this.todo = []
        for (const act of todo) act()
        continue
      }
      this.later(this.append)
      return
    }
    this.committing = false
    this.tellIdle()
  }

  private readonly append = (): void => {
    const { changes, todo } = this
    this.changes = []
    this.todo = []
    const fiber = this.write(this.journal!.append(changes))
    const done = (exit: Exit.Exit<void, JournalError>): void => {
      if (Exit.isFailure(exit)) this.broke(exit.cause, changes)
      for (const act of todo) act()
      this.committing = false
      this.commit()
    }
    const exit = fiber.pollUnsafe()
    if (exit === undefined) fiber.addObserver(done)
    else done(exit)
  }

  /** Whether nothing is left to be done, neither here nor in a step that this one interrupts. */
  protected get isSettled(): boolean {
    return !this.committing && this.todo.length === 0
  }

  /** Ends a step, and gives an answer when it is recorded. */
  recorded<A, E>(answer: () => Effect.Effect<A, E>): Effect.Effect<A, E> {
    if (this.journal === undefined) {
      this.commit()
      return answer()
    }
    let resume: ((effect: Effect.Effect<A, E>) => void) | undefined
    let isRecorded = false
    this.after(() => {
      isRecorded = true
      resume?.(answer())
    })
    this.commit()
    return Effect.callback<A, E>((done) => {
      if (isRecorded) done(answer())
      else resume = done
    })
  }
}

/** Suspends fibers that wait for a group, and lends the places of those that belong to its tasks. */
import * as Effect from "effect/Effect"
import type * as Fiber from "effect/Fiber"
import type { GroupPump } from "./groupPump.ts"
import type { GroupTask } from "./groupTask.ts"
import * as lineage from "./lineage.ts"

/**
 * Suspends `fiber` until `subscribe` wakes it, unless `ready` has the answer already: asked in the very step that subscribes, for between two steps anything may happen. If it belongs to a task of the group, the task's place is lent meanwhile and taken back before it resumes; when the wait is interrupted too,
 * unless the task itself is being stopped: its end must not wait for a place.
 */
export const suspendIn = <X>(
  group: GroupPump<any>,
  fiber: Fiber.Fiber<unknown, unknown>,
  what: () => string,
  ready: () => X | undefined,
  subscribe: (wake: (value: X) => void) => () => void
): Effect.Effect<X> => {
  const node = lineage.current(fiber)
  const self = group.member(node)
  return Effect.callback<X>((resume) => {
    const answer = ready()
    if (answer !== undefined) return resume(Effect.succeed(answer))
    const endWait = lineage.enterWait(fiber, node, () => ({ what: what(), holders: () => group.fibers() }))
    if (self === undefined) {
      const unsubscribe = subscribe((value) => {
        endWait()
        resume(Effect.succeed(value))
      })
      return Effect.sync(() => {
        unsubscribe()
        endWait()
      })
    }
    self.lent++
    let goOn: () => void = () => {}
    let woken = false
    let isBack = false
    const back = (): void => {
      endWait()
      takeBack(group, fiber, self, () => {
        isBack = true
        goOn()
      })
    }
    const unsubscribe = subscribe((value) => {
      if (woken) return
      woken = true
      goOn = () => resume(Effect.succeed(value))
      back()
    })
    // Last, for the place may start the very task that is waited for, and that may end at once.
    if (self.lent === 1) group.lendPlace(self)
    return Effect.callback<void>((done) => {
      unsubscribe()
      if (isBack) return done(Effect.void)
      goOn = () => done(Effect.void)
      // Woken already, it stands in the line for its place and keeps its position.
      if (!woken) back()
    })
  })
}

/**
 * Calls `then` when `self` has its place back: at once if another of its fibers still waits (the place stays lent until that one is back too) or when it is asked to stop.
 * This wait is a wait like any other and is seen in dumps: with one place, whoever borrowed it may need long.
 */
const takeBack = (group: GroupPump<any>, fiber: Fiber.Fiber<unknown, unknown>, self: GroupTask<any, any>, then: () => void): void => {
  if (--self.lent > 0 || self.cut !== undefined || self.runner?.hasPlace === true) return then()
  let over = false
  const endNote = lineage.noteWait(fiber, self, () => ({
    what: `its place in group ${group.name ?? "without a name"} back`,
    holders: () => group.fibers()
  }))
  const finish = (): void => {
    if (over) return
    over = true
    endNote()
    self.places?.delete(giveUp)
    then()
    // The place is the task's: its other fibers that stand in line for it have it back too.
    if (self.places !== undefined) for (const other of [...self.places]) other()
  }
  const giveUp = (): void => {
    withdraw()
    finish()
  }
  const withdraw = group.takePlace(self, finish)
  if (!over) (self.places ??= new Set()).add(giveUp)
}

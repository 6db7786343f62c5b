import { describe, expect, it } from "vitest"
import * as lineage from "../../src/internal/lineage.ts"

const events: Array<string> = []

const deadline = (parent: lineage.Node | undefined, at: number): lineage.DeadlineNode => ({
  kind: "deadline",
  parent,
  observer: undefined,
  ended: false,
  at,
  move: undefined,
  listeners: undefined,
  answering: 0,
  onAnswered: undefined
})

const call = (parent: lineage.Node | undefined): lineage.CallNode => ({
  kind: "call",
  parent,
  observer: undefined,
  ended: false,
  name: undefined,
  onProgress: undefined,
  dump: () => ({ name: undefined, state: "running", running: 0, abandoned: 0, tasks: [], more: 0 })
})

const task = (parent: lineage.CallNode, at = Infinity): lineage.TaskNode => ({
  ...deadline(parent, at),
  kind: "task",
  name: undefined,
  index: 0,
  reason: undefined,
  call: parent,
  calls: undefined,
  waits: undefined
})

const permit = (parent: lineage.Node | undefined, fiber: lineage.AnyFiber): lineage.PermitNode => ({
  kind: "permit",
  parent,
  observer: undefined,
  ended: false,
  fiber,
  waits: 0,
  onWaits: (waiting) => void events.push(waiting ? "lendable" : "kept")
})

const fiber = {} as lineage.AnyFiber
const answerer = (name: string): lineage.Answerer => ({ onDeadline: (node) => void events.push(`${name} told of ${node.at}`) })
const wait = (what: string) => (): lineage.Wait => ({ what, holders: () => [] })
const noted = (): Array<string> => events.splice(0)

describe("lineage", () => {
  it("finds the tightest limit of all around, those that are over left out", () => {
    const outer = deadline(undefined, 10)
    const inner = task(call(deadline(outer, 30)), 20)
    expect([lineage.deadlineOf(undefined), lineage.deadlineOf(outer), lineage.deadlineOf(inner)]).toEqual([Infinity, 10, 10])
    outer.ended = true
    expect(lineage.deadlineOf(inner)).toBe(20)
    inner.ended = true
    expect(lineage.deadlineOf(inner)).toBe(30)
  })

  it("finds the nearest task, and whether something lies below something", () => {
    const outer = task(call(undefined))
    const inner = deadline(call(outer), 5)
    expect([lineage.taskOf(inner), lineage.taskOf(outer.parent), lineage.isInside(inner, outer), lineage.isInside(outer, inner)]).toEqual([
      outer,
      undefined,
      true,
      false
    ])
  })

  it("gives the nearest reason, of a task, a body or a deadline", () => {
    const outer = task(call(undefined))
    const body = call(outer)
    const limit = deadline(body, 5)
    outer.reason = { _tag: "Closed" }
    expect(lineage.reasonOf(limit)?._tag).toBe("Closed")
    body.reason = { _tag: "Stopped" }
    expect(lineage.reasonOf(limit)?._tag).toBe("Stopped")
    limit.reason = { _tag: "DeadlineReached" }
    expect(lineage.reasonOf(limit)?._tag).toBe("DeadlineReached")
  })

  it("skips what is over, but never the root", () => {
    const root = call(undefined)
    const first = task(root)
    const second = { ...task(root), parent: first }
    expect(lineage.skipEnded(second)).toBe(second)
    first.ended = second.ended = true
    expect(lineage.skipEnded(second)).toBe(root)
    root.ended = true
    expect(lineage.skipEnded(second)).toBe(root)
  })
})

describe("lineage.registerAnswerer", () => {
  it("tells outer calls before inner ones, and each limit of its own instant", () => {
    const limit = deadline(undefined, 10)
    const inner = task(call(limit), 20)
    lineage.registerAnswerer(limit, answerer("outer"))
    lineage.registerAnswerer(inner, answerer("inner"))
    lineage.announce(limit)
    lineage.announce(inner)
    expect(noted()).toEqual(["outer told of 10", "inner told of 10", "inner told of 20"])
  })

  it("says once that the last of several has answered, to each limit around", () => {
    const outer = deadline(undefined, 20)
    const inner = deadline(outer, 10)
    outer.onAnswered = () => void events.push("outer is answered")
    inner.onAnswered = () => void events.push("inner is answered")
    const first = lineage.registerAnswerer(inner, answerer("a"))
    const second = lineage.registerAnswerer(outer, answerer("b"))
    first()
    first()
    events.push("first")
    second()
    expect(noted()).toEqual(["inner is answered", "first", "outer is answered"])
    expect([outer.answering, inner.answering, outer.listeners!.size]).toEqual([0, 0, 0])
  })

  it("tells nobody who has answered, also where one answers while others are told", () => {
    const limit = deadline(undefined, 10)
    const done = lineage.registerAnswerer(limit, {
      onDeadline: () => {
        events.push("first")
        done()
      }
    })
    lineage.registerAnswerer(limit, answerer("second"))
    lineage.announce(limit)
    lineage.announce(limit)
    expect(noted()).toEqual(["first", "second told of 10", "second told of 10"])
  })

  it("does nothing where there is no limit around", () => {
    expect(() => lineage.registerAnswerer(undefined, answerer("a"))()).not.toThrow()
    expect(() => lineage.announce(deadline(undefined, 1))).not.toThrow()
  })
})

describe("lineage.enterWait", () => {
  it("notes the wait at its task and with the observer, until it ends, once", () => {
    const observer: lineage.WaitObserver = {
      onWait: (_, { what }) => void events.push(`waits for ${what}`),
      onResume: (_, { what }) => void events.push(`has ${what}`)
    }
    const node = { ...task(call(undefined)), observer }
    const end = lineage.enterWait(fiber, node, wait("it"))
    expect([...node.waits!].map((describe) => describe().what)).toEqual(["it"])
    end()
    end()
    expect([noted(), node.waits!.size]).toEqual([["waits for it", "has it"], 0])
  })

  it("describes nothing where nobody looks", () => {
    const end = lineage.enterWait(fiber, call(undefined), () => {
      throw new Error("described")
    })
    end()
    lineage.enterWait(fiber, undefined, wait("it"))()
    expect(noted()).toEqual([])
  })

  it("makes the fiber's own permits lendable while it waits, those of its task only, and counts nested waits", () => {
    const above = permit(undefined, fiber)
    const own = permit(task(call(above)), fiber)
    const node = permit(own, {} as lineage.AnyFiber)
    const first = lineage.enterWait(fiber, node, wait("a"))
    const second = lineage.enterWait(fiber, node, wait("b"))
    first()
    first()
    events.push("first is over")
    second()
    expect(noted()).toEqual(["lendable", "first is over", "kept"])
    expect([above.waits, own.waits, node.waits]).toEqual([0, 0, 0])
  })
})

describe("lineage.listCall", () => {
  it("lists a call under the task that makes it, until it is over", () => {
    const node = task(call(undefined))
    const inner = call(deadline(node, 5))
    const end = lineage.listCall(inner)
    expect([...node.calls!]).toEqual([inner])
    end()
    expect(node.calls!.size).toBe(0)
    expect(() => lineage.listCall(call(undefined))()).not.toThrow()
  })
})

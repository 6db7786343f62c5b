import { describe, expect, it } from "vitest"
import { Halting } from "../src/halt.ts"
import type { Halt } from "../src/sizes.ts"

const share = (when: "now" | "soon", share: number): Halt => ({ when, on: "fail", limit: { kind: "share", share } })
const after = (policy: Halt, total: number | undefined, ends: ReadonlyArray<boolean>): number => {
  const halting = new Halting(policy, () => total)
  return ends.findIndex((ok) => halting.after(ok) !== "go on") + 1
}

describe("a halt policy", () => {
  it("counts failures, successes, or ends", () => {
    const ends = [true, false, true, false, false]
    const at = (on: "fail" | "success" | "done") => after({ when: "now", on, limit: { kind: "count", count: 2 } }, undefined, ends)
    expect([at("fail"), at("success"), at("done")]).toEqual([4, 3, 2])
  })

  it("takes a share of all jobs where their number is known", () => {
    expect(after(share("now", 0.3), 10, [false, true, true, false, true, false])).toBe(6)
    expect(after(share("soon", 0.5), 2, [false])).toBe(1)
  })

  it("takes a share of those that are over where it is not, once there are three", () => {
    expect(after(share("now", 0.3), undefined, [false, false, true])).toBe(3)
    expect(after(share("now", 0.9), undefined, [false, true, true, true])).toBe(0)
  })

  it("never ends what has none", () => {
    expect(after({ when: "never" }, 1, [false, false, false, false])).toBe(0)
  })
})

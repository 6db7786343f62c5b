import { DatabaseSync, type SQLInputValue } from "node:sqlite"
import { describe, expect, it } from "vitest"
import * as reading from "../../src/internal/store/sqliteQuery.ts"
import { steps } from "../../src/internal/store/sqliteSchema.ts"
import type { Query } from "../../src/JobStore.ts"

describe("A question to a store of SQLite", () => {
  const db = new DatabaseSync(":memory:")
  for (const step of steps.flat()) db.exec(step)
  const plan = ([text, params]: ReturnType<typeof reading.list>): string =>
    db
      .prepare(`EXPLAIN QUERY PLAN ${text}`)
      .all(...(params as ReadonlyArray<SQLInputValue>))
      .map(({ detail }) => String(detail))
      .join(" | ")

  it.each<readonly [Query, index: string]>([
    [{ name: "a" }, "runs_name"],
    [{ key: "k" }, "runs_key"],
    [{ state: ["failed"] }, "progress_state"],
    [{ state: ["failed", "skipped"] }, "progress_state"],
    [{ state: ["waiting", "running"] }, "progress_active"],
    [{ labels: { a: "b" } }, "labels USING PRIMARY KEY"],
    [{ submitted: { from: 1, to: 2 } }, "runs_submitted"],
    [{ ended: { from: 1 } }, "progress_ended"],
    [{ name: "a", state: ["failed"], ended: { from: 1 }, labels: { a: "b" } }, "PRIMARY KEY"]
  ])("such as %j is answered by an index and reads no other runs", (query, index) => {
    const found = plan(reading.list(query))
    expect(found).toContain(index)
    expect(found).not.toMatch(/SCAN (runs|progress)(?! USING INDEX)/)
  })

  it("of one state gives the newest first without sorting all", () => {
    for (const state of ["waiting", "completed"] as const)
      expect(plan(reading.list({ state: [state], limit: 1 }))).not.toContain("TEMP B-TREE")
    expect(plan(reading.list({ limit: 1 }))).not.toContain("TEMP B-TREE")
  })

  it("by an id, and for the next page, reads those runs only", () => {
    expect(plan(reading.byId("a"))).not.toContain("SCAN")
    expect(plan(reading.page(1, 2))).not.toMatch(/SCAN|TEMP/)
  })
})

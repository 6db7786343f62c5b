/** Reads what `list` is asked: the same is refused by every store. */
import * as Settings from "@skein/core/Settings"
import type { Query } from "../../JobStore.ts"

const names = ["name", "state", "labels", "key", "submitted", "ended", "limit"]
const where = "JobStore.list"

/** Throws for what is no query, where SQLite would give all or nothing. */
export const read = (query: Query): Query => {
  Settings.known(where, query, names)
  if (query.limit !== undefined) Settings.whole(where, "limit", query.limit, 0)
  for (const range of ["submitted", "ended"] as const) {
    for (const edge of ["from", "to"] as const) {
      const instant = query[range]?.[edge]
      if (instant === undefined) continue
      Settings.number(where, `${range}.${edge}`, instant, "an instant in milliseconds", (at) => !Number.isNaN(at))
    }
  }
  return query
}

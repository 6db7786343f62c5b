/** Lists all entry points in all flavours there are, and who is excused from which law. */
import type { Subject } from "./subject.ts"
import { executors } from "./subjects/executor.ts"
import { fanOuts } from "./subjects/fanOut.ts"
import { gathers, sources, streams } from "./subjects/gather.ts"
import { groups } from "./subjects/group.ts"
import { engines } from "./subjects/jobs.ts"
import { hedges, limited } from "./subjects/limited.ts"

export const subjects: ReadonlyArray<Subject> = [
  ...gathers,
  ...groups,
  ...sources,
  ...streams,
  ...executors,
  ...fanOuts,
  ...hedges,
  ...limited,
  ...engines
]

/** How many subjects stand on the same engine. */
export const sharers = (subject: Subject): number =>
  Math.max(1, subjects.filter(({ engine, flavour }) => engine === subject.engine && flavour === subject.flavour).length)

export const withPolicy = (...policies: ReadonlyArray<Subject["onFailure"]>): ReadonlyArray<Subject> =>
  subjects.filter(({ onFailure }) => policies.includes(onFailure))

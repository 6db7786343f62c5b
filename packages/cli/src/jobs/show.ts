/** `skein jobs show`: all that is known of jobs. */
import * as Effect from "effect/Effect"
import { fitted, oneLine } from "../terminalText.ts"
import * as board from "./board.ts"
import type { Desk, Handler } from "./desk.ts"
import { named } from "./find.ts"
import { age, local } from "./instants.ts"
import * as StoredJob from "@skein/engine/StoredJob"
import { json, styleOf, times, took, why } from "./words.ts"

export const show: Handler = (desk) =>
  Effect.gen(function* () {
    const entries = yield* named(desk)
    for (const [i, entry] of entries.entries()) {
      if (desk.values.has("json")) yield* desk.print(json(entry))
      else yield* desk.print(`${i > 0 ? "\n" : ""}${(yield* paragraphs(desk, entry)).join("\n")}\n`)
    }
    return 0
  })

type Line = readonly [title: string, text: string]

const paragraphs = ({ look, store }: Desk, entry: board.Entry) =>
  Effect.gen(function* () {
    const { run, state } = entry
    const now = look.now()
    const when = (at: number | undefined): string => (at === undefined ? "" : `${local(at)}  ${age(now - at)} ago`)
    const upstream = yield* Effect.forEach(run.upstream, (id) => Effect.map(board.get(store, id), (found) => ({ id, found })))
    const reason = why(entry, yield* board.hasEnded(store, [entry]))
    const value = run.end === undefined || state !== "completed" ? undefined : StoredJob.valueOf(run.end)
    const lines: ReadonlyArray<Line> = [
      ["id", run.id],
      ["name", run.name],
      ["state", look.paint(styleOf(entry) ?? "bold", state)],
      ["why", reason],
      ["runs", StoredJob.what(run.description)],
      ["key", run.key ?? ""],
      [
        "labels",
        Object.entries(run.labels)
          .map(([key, word]) => `${key}=${word}`)
          .join("  ")
      ],
      ["rerun of", run.rerunOf ?? ""],
      ["submitted", when(run.submittedAt)],
      ["started", when(run.startedAt)],
      ["ended", when(run.endedAt)],
      ["took", took(entry, now)],
      ["tried", run.attempts > 1 ? times(run.attempts) : ""],
      ...run.attemptCauses.map((cause, i): Line => [i === 0 ? "before" : "", StoredJob.causeDetail(cause)]),
      ...upstream.map(({ found, id }, i): Line => [
        i === 0 ? "after" : "",
        `${id}  ${found === undefined ? "not kept any more" : `${found.run.name}  ${found.state}`}`
      ]),
      ["value", value === undefined || value === null ? "" : JSON.stringify(value)]
    ]
    return lines
      .filter(([, text]) => text !== "")
      .map(([title, text]) => {
        const room = look.columns === undefined ? Infinity : look.columns - margin
        return `${look.paint("dim", title.padEnd(margin))}${title === "state" ? text : fitted(oneLine(text), room)}`
      })
  })

/** Columns of the titles. */
const margin = 11

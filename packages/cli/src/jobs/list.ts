/** `skein jobs list`: jobs as a table, or as lines of JSON. */
import * as Effect from "effect/Effect"
import { counted } from "../quantities.ts"
import * as board from "./board.ts"
import type { Handler, Look } from "./desk.ts"
import { age } from "./instants.ts"
import { given, limit, noWords } from "./reading.ts"
import * as table from "./table.ts"
import { json, styleOf, took, why } from "./words.ts"

const shown = "50"

export const list: Handler = (desk) =>
  Effect.gen(function* () {
    const { look, print, say, store, values } = desk
    yield* noWords(desk)
    const now = look.now()
    const most = yield* given(() => values.read("limit", limit, values.has("json") ? "0" : shown))
    const filter = yield* given(() => board.filterOf(values, now))
    // One more tells whether there are more.
    const found = yield* board.list(store, filter, most + 1)
    const entries = found.length > most ? found.slice(1) : found
    if (values.has("json")) {
      for (const entry of entries) yield* print(json(entry))
      return 0
    }
    if (entries.length === 0) {
      yield* say(`no jobs${Object.values(filter).some((value) => value !== undefined) ? " that match" : ""} in ${store.name}`)
      return 0
    }
    yield* print(`${rows(entries, yield* board.hasEnded(store, entries), look).join("\n")}\n`)
    if (found.length > most) yield* say(`the newest ${counted(most, "job")}; there are more, --limit 0 shows all`)
    return 0
  })

/** The lines of a table of jobs. */
const rows = (entries: ReadonlyArray<board.Entry>, hasEnded: (id: string) => boolean, look: Look): ReadonlyArray<string> => {
  const now = look.now()
  return table.lines<board.Entry>(
    entries,
    [
      { title: "ID", cell: ({ run }) => run.id, style: () => "bold", atLeast: 10 },
      { title: "NAME", cell: ({ run }) => run.name, atLeast: 12 },
      { title: "STATE", cell: ({ state }) => state, style: styleOf },
      { title: "AGE", cell: ({ run }) => age(now - run.submittedAt), align: "right" },
      { title: "TOOK", cell: (entry) => took(entry, now), align: "right" },
      { title: "WHY", cell: (entry) => why(entry, hasEnded), style: () => "dim", atLeast: 8 }
    ],
    look
  )
}

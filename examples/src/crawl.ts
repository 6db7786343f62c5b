/**
 * Crawls a web site whose links are not known in advance: each page is a task of one group, and spawns the pages it links to.
 *
 * The site is real, served from this process. One link is dead, one page never answers. First nobody is disturbed by that, then the first failure stops the rest.
 *
 *     node examples/src/crawl.ts
 */
import { GatherResult, Outcome, TaskGroup } from "@skein/core"
import * as Data from "effect/Data"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import { createServer } from "node:http"
import type { AddressInfo } from "node:net"

const site: Record<string, ReadonlyArray<string>> = {
  "/": ["/trees", "/about", "/fruit"],
  "/fruit": ["/fruit/apple", "/fruit/pear", "/fruit/quince"],
  "/trees": ["/trees/oak", "/trees/elm", "/trees/lime", "/fruit"], // there is no elm
  "/about": ["/", "/about/them"], // who never answer
  "/fruit/apple": ["/fruit/apple/pie"],
  "/fruit/pear": [],
  "/fruit/quince": [],
  "/fruit/apple/pie": ["/fruit/apple"],
  "/trees/oak": [],
  "/trees/lime": ["/fruit/quince"],
  "/about/them": []
}

const serve = Effect.acquireRelease(
  Effect.callback<{ readonly origin: string; readonly close: () => void }>((resume) => {
    const server = createServer((request, response) => {
      const links = site[request.url ?? ""]
      if (request.url === "/about/them") return
      setTimeout(() => {
        response.writeHead(links === undefined ? 404 : 200)
        response.end((links ?? []).map((link) => `<a href="${link}">${link}</a>`).join("\n"))
      }, 15)
    })
    const close = (): void => {
      server.close()
      server.closeAllConnections()
    }
    server.listen(0, "127.0.0.1", () =>
      resume(Effect.succeed({ origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, close }))
    )
  }),
  ({ close }) => Effect.sync(close)
)

class DeadLink extends Data.TaggedError("DeadLink")<{ readonly page: string; readonly status: number }> {
  override get message(): string {
    return `${this.page} answered ${this.status}`
  }
}

const linksOf = (origin: string, page: string): Effect.Effect<ReadonlyArray<string>, DeadLink> =>
  Effect.gen(function* () {
    // The signal ends the request when the task is stopped.
    const { status, text } = yield* Effect.promise(async (signal) => {
      const response = await fetch(origin + page, { signal })
      return { status: response.status, text: await response.text() }
    })
    if (status !== 200) return yield* new DeadLink({ page, status })
    return [...text.matchAll(/href="([^"]+)"/g)].map((match) => match[1]!)
  })

/** The crawler itself. Spawning from inside a task never waits, so a site of any shape can be crawled with any number of places. */
const crawl = (origin: string, onFailure: "interrupt" | "collect") =>
  Effect.gen(function* () {
    const seen = new Set<string>()
    const outcomes: Array<Outcome.Outcome<unknown, unknown>> = []
    const options = {
      onFailure,
      concurrency: 3,
      taskTimeout: "250 millis",
      onOutcome: (outcome: Outcome.Outcome<unknown, unknown>) => outcomes.push(outcome)
    } as const
    const exit = yield* TaskGroup.run(options, (group: TaskGroup.TaskGroup<DeadLink>) => {
      const visit = (page: string): Effect.Effect<void, DeadLink> =>
        Effect.gen(function* () {
          for (const link of yield* linksOf(origin, page)) yield* follow(link)
        })
      const follow = (page: string) => {
        if (seen.has(page)) return Effect.void
        seen.add(page)
        return Effect.asVoid(group.spawn(visit(page), { name: page }))
      }
      return follow("/")
    }).pipe(Effect.exit)
    return { outcomes, exit }
  })

const show = ({ exit, outcomes }: Effect.Success<ReturnType<typeof crawl>>): void => {
  for (const outcome of outcomes) {
    const how = Outcome.match(outcome, {
      onCompleted: () => "ok",
      onFailed: () => "FAILED: a dead link",
      onTimedOut: () => "timed out",
      onCancelled: ({ reason }) => `cancelled: ${Outcome.formatReason(reason)}`,
      onNotStarted: ({ reason }) => `not started: ${Outcome.formatReason(reason)}`
    })
    console.log(`  ${(outcome.name ?? "").padEnd(18)} ${how}`)
  }
  const kept = Exit.isFailure(exit) ? GatherResult.fromCause(exit.cause) : undefined
  console.log(
    `  → ${Exit.isSuccess(exit) ? "the group succeeded" : "the group failed"}${kept === undefined ? "" : `, and kept: ${GatherResult.summarize(kept).split(";")[0]}`}\n`
  )
}

const program = Effect.gen(function* () {
  const { origin } = yield* serve
  console.log(`everything that can be had ("collect")`)
  show(yield* crawl(origin, "collect"))
  console.log(`the first dead link stops the rest ("interrupt")`)
  show(yield* crawl(origin, "interrupt"))
})

await Effect.runPromise(Effect.scoped(program))

/** Chooses ports, and knows how an address is listened on and reached. */
import * as Effect from "effect/Effect"
import type * as Scope from "effect/Scope"
import { connect, createServer, isIPv6 } from "node:net"
import { NoPort } from "./failure.ts"

/** What is tried to reach an app that listens on `ip`. */
export const targetsOf = (ip: string): ReadonlyArray<string> => {
  if (ip === "localhost") return ["127.0.0.1", "::1"]
  return ip === "0.0.0.0" ? ["127.0.0.1"] : ip === "::" ? ["::1"] : [ip]
}

/** What is bound to see whether a port is free. */
const bindingsOf = (ip: string): ReadonlyArray<string> => (ip === "localhost" ? ["127.0.0.1", "::1"] : [ip])

export const urlOf = (scheme: string, ip: string, port: number): string => {
  const host = ip === "localhost" ? ip : targetsOf(ip)[0]!
  return `${scheme}://${isIPv6(host) ? `[${host}]` : host}:${port}`
}

/** Ports that apps of this process have, so that none is given to two. */
const given = new Set<number>()

/** A port that nobody listens on, and that no other app of this process gets before the scope closes. */
export const freePort = (ip: string): Effect.Effect<number, NoPort, Scope.Scope> =>
  Effect.acquireRelease(
    Effect.gen(function* () {
      const [first, ...others] = bindingsOf(ip)
      for (;;) {
        const { code, port } = yield* bind(first!, 0)
        if (code !== undefined) return yield* Effect.fail(new NoPort({ ip, code }))
        if (given.has(port)) continue
        // Taken at once: the next look may be another app's.
        given.add(port)
        const codes = yield* Effect.forEach(others, (other) => Effect.map(bind(other, port), ({ code }) => code))
        if (!codes.includes("EADDRINUSE")) return port
        given.delete(port)
      }
    }),
    (port) => Effect.sync(() => void given.delete(port))
  )

/** Whether somebody listens on a port. */
export const isTaken = (ip: string, port: number): Effect.Effect<boolean> =>
  Effect.map(
    Effect.forEach(bindingsOf(ip), (one) => bind(one, port)),
    (all) => all.some(({ code }) => code === "EADDRINUSE")
  )

/** Listens for a moment. Not to be interrupted: it is over in the next turn of the loop. */
const bind = (host: string, port: number): Effect.Effect<{ readonly port: number; readonly code: string | undefined }> =>
  Effect.callback((resume) => {
    const server = createServer()
    server.once("error", (error: NodeJS.ErrnoException) => resume(Effect.succeed({ port, code: error.code ?? "UNKNOWN" })))
    server.listen({ host, port, exclusive: true }, () => {
      const address = server.address()
      const got = typeof address === "object" && address !== null ? address.port : port
      server.close(() => resume(Effect.succeed({ port: got, code: undefined })))
    })
  }).pipe(Effect.uninterruptible) as Effect.Effect<{ readonly port: number; readonly code: string | undefined }>

/** How long a connection, or a request, is waited for, in milliseconds, before it is tried anew. */
const patience = 5_000

/** Whether a connection is accepted. */
export const answers = (host: string, port: number): Effect.Effect<boolean> =>
  Effect.callback((resume) => {
    const socket = connect({ host, port, timeout: patience })
    const done = (is: boolean) => (): void => {
      socket.destroy()
      resume(Effect.succeed(is))
    }
    socket.once("connect", done(true)).once("error", done(false)).once("timeout", done(false))
    // An error that comes later than what was decided is of no interest.
    socket.on("error", () => {})
    return Effect.sync(() => void socket.destroy())
  })

/** The status of the answer to a GET request; `undefined` if there is none. Whose certificate it has is not asked. */
export const statusOf = (scheme: "http" | "https", host: string, port: number, path: string): Effect.Effect<number | undefined> =>
  Effect.callback((resume, signal) => {
    const give = (status: number | undefined): void => resume(Effect.succeed(status))
    const ask = async (): Promise<void> => {
      const options = { host, port, path, timeout: patience, signal, agent: false, rejectUnauthorized: false }
      const { get } = scheme === "https" ? await import("node:https") : await import("node:http")
      if (signal.aborted) return
      const request = get(options, (response) => {
        give(response.statusCode)
        request.destroy()
      })
      request.on("timeout", () => request.destroy()).on("error", () => give(undefined))
    }
    ask().catch(() => give(undefined))
  })

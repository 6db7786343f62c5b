/**
 * What the helper starts with that spawns in the place of a large process. It has little memory, so that a fork costs it little.
 *
 * The streams of what it starts are sockets that it connects to the large process and gives away: no byte passes through it. It ends when that process does.
 */
import { type ChildProcess, spawn, type StdioOptions } from "node:child_process"
import * as fs from "node:fs"
import { Socket } from "node:net"
import { type Config, controlFd, header, lines, type Reply, type Request } from "../internal/command/spawnWire.ts"

const { address, secret } = JSON.parse(process.argv[2]!) as Config

const control = new Socket({ fd: controlFd, readable: true, writable: true })
control.setEncoding("utf8")

const reply = (message: Reply): void => void control.write(`${JSON.stringify(message)}\n`)

/** How long the large process is asked again when it has not taken earlier sockets yet, in milliseconds. */
const pause = 5

const connect = (id: number, stream: number): Promise<Socket> =>
  new Promise((resolve, reject) => {
    const attempt = (): void => {
      const socket = new Socket({ allowHalfOpen: true })
      // Not a byte of it may be read here.
      socket.pause()
      socket.once("error", (error: NodeJS.ErrnoException) => {
        socket.destroy()
        if (error.code === "EAGAIN") setTimeout(attempt, pause)
        else reject(error)
      })
      socket.connect(address, () => {
        socket.write(header(secret, id, stream), (error) => (error instanceof Error ? reject(error) : resolve(socket)))
      })
    }
    attempt()
  })

const names = ["stdin", "stdout", "stderr"] as const

const start = (request: Request, sockets: ReadonlyArray<Socket | undefined>): void => {
  const { args, directory, env, id, program, stdio, umask } = request
  const opened: Array<number> = []
  let of: (typeof names)[number] | "program" = "program"
  const failed = (error: unknown): void => {
    const { code, message } = error as NodeJS.ErrnoException
    reply({ id, of, code: code ?? "UNKNOWN", message })
  }
  let child: ChildProcess
  process.umask(umask)
  try {
    const fds = stdio.map((stream, index): number | Socket | "ignore" | "inherit" => {
      of = names[index]!
      if (stream === "pipe") return sockets[index]!
      if (typeof stream === "string") return stream
      const [, out] = stdio
      // One opening for both, so that they share a place in the file and do not write over each other.
      if (index === 2 && typeof out === "object" && out.path === stream.path) return opened.at(-1)!
      const fd = fs.openSync(stream.path, "flags" in stream ? stream.flags : "r", 0o666)
      opened.push(fd)
      return fd
    })
    of = "program"
    child = spawn(program, args, { cwd: directory, env, stdio: fds as StdioOptions, detached: true })
  } catch (error) {
    return failed(error)
  } finally {
    for (const fd of opened) fs.closeSync(fd)
    for (const socket of sockets) socket?.destroy()
  }
  child.on("error", (error) => {
    if (child.pid === undefined) failed(error)
  })
  if (child.pid === undefined) return
  reply({ id, pid: child.pid })
  child.once("exit", (exitCode, signal) => reply({ id, exitCode, signal }))
}

const serve = async (request: Request): Promise<void> => {
  const connecting = request.stdio.map((stream, index) => (stream === "pipe" ? connect(request.id, index) : undefined))
  const settled = await Promise.allSettled(connecting)
  const refused = settled.find((one) => one.status === "rejected")
  const sockets = settled.map((one) => (one.status === "fulfilled" ? one.value : undefined))
  if (refused === undefined) return start(request, sockets)
  for (const socket of sockets) socket?.destroy()
  const { code, message } = refused.reason as NodeJS.ErrnoException
  reply({ id: request.id, of: "starter", code: code ?? "UNKNOWN", message })
}

control.on(
  "data",
  lines<Request>((request) => void serve(request))
)
control.on("error", () => {})
// The large process is gone, or needs no helper any more.
control.on("close", () => process.exit(0))

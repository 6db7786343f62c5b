/** Effect RPC over worker threads: its pool of workers, as a program would use it. The platform is what `@effect/platform-node` does in its `NodeWorker`, in short. */
import * as Deferred from "effect/Deferred"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Layer from "effect/Layer"
import * as RpcClient from "effect/rpc/RpcClient"
import * as Scope from "effect/Scope"
import * as Worker from "effect/workers/Worker"
import { WorkerError, WorkerUnknownError } from "effect/workers/WorkerError"
import { Worker as Thread } from "node:worker_threads"
import { Calls } from "./rpc.ts"

const Platform = Layer.succeed(
  Worker.WorkerPlatform,
  Worker.makePlatform<Thread>()({
    setup: ({ scope, worker }) =>
      Effect.as(
        Scope.addFinalizer(
          scope,
          Effect.promise(() => worker.terminate())
        ),
        worker
      ),
    listen: ({ deferred, emit, port }) =>
      Effect.sync(() => {
        port.on("message", emit)
        port.on("error", (cause) =>
          Deferred.doneUnsafe(
            deferred,
            Exit.fail(new WorkerError({ reason: new WorkerUnknownError({ message: "a worker failed", cause }) }))
          )
        )
      })
  })
)

const Spawner = Worker.layerSpawner(() => new Thread(new URL("./rpcServer.ts", import.meta.url)))

/** A client whose workers take 32 calls at once. */
export const open = async (threads: number) => {
  const scope = Scope.makeUnsafe()
  const protocol = RpcClient.layerProtocolWorker({ size: threads, concurrency: 32 }).pipe(Layer.provide(Layer.merge(Platform, Spawner)))
  const client = await Effect.runPromise(
    Effect.flatMap(Layer.build(protocol), (context) => Effect.provideContext(RpcClient.make(Calls), context)).pipe(Scope.provide(scope))
  )
  return { add: client.add, close: () => Effect.runPromise(Scope.close(scope, Exit.void)) }
}

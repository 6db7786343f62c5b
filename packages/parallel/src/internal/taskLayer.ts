/**
 * Builds the layer of a task once for all calls that run at the same time, or for all calls of a worker.
 *
 * The layer is built in a fiber of its own, so that a caller that is interrupted does not take it away from others. The last call that used it waits until what it held is released.
 */
import * as Cause from "effect/Cause"
import type * as Context from "effect/Context"
import * as Effect from "effect/Effect"
import * as Exit from "effect/Exit"
import * as Fiber from "effect/Fiber"
import * as Layer from "effect/Layer"
import * as Scope from "effect/Scope"

/** Layers that several tasks of a program name are built once, too. */
const memoMap = Layer.makeMemoMapUnsafe()

type AnyLayer = Layer.Layer<any, unknown>

/** A layer that was built, or is being built. */
class Built {
  readonly scope = Scope.makeUnsafe()
  readonly fiber: Fiber.Fiber<Context.Context<unknown>, unknown>
  users = 0

  constructor(layer: AnyLayer, context: Context.Context<never>) {
    this.fiber = Effect.runForkWith(context)(Layer.buildWithMemoMap(layer, memoMap, this.scope))
  }

  /** The context, once it is there. */
  get ready(): Context.Context<unknown> | undefined {
    const exit = this.fiber.pollUnsafe()
    return exit !== undefined && Exit.isSuccess(exit) ? exit.value : undefined
  }

  get failed(): boolean {
    const exit = this.fiber.pollUnsafe()
    return exit !== undefined && Exit.isFailure(exit)
  }

  get release(): Effect.Effect<void> {
    return Effect.andThen(Fiber.interrupt(this.fiber), Scope.close(this.scope, Exit.void))
  }
}

export class SharedLayer {
  private readonly task: string
  private readonly layer: AnyLayer
  /** Once built it stays, until `close`. */
  private readonly keep: boolean
  private built: Built | undefined

  constructor(task: string, layer: AnyLayer, keep: boolean) {
    this.task = task
    this.layer = layer
    this.keep = keep
  }

  /** Runs an effect with the services of the layer. One that cannot be built is a defect of this call; the next one tries again. */
  provide<A, E>(effect: Effect.Effect<A, E, any>): Effect.Effect<A, E> {
    return Effect.uninterruptibleMask((restore) =>
      // A step of its own, so that no interruption comes between counting a user and arranging that it leaves.
      Effect.withFiber((fiber) => {
        const built = this.use(fiber.context)
        const { ready } = built
        const run =
          ready !== undefined
            ? Effect.provideContext(effect, ready)
            : Effect.flatMap(this.contextOf(built), (context) => Effect.provideContext(effect, context))
        return Effect.onExit(restore(run), () => this.leave(built))
      })
    )
  }

  /** The services of the layer, as long as a scope is open. */
  readonly provideIn = (scope: Scope.Scope): Effect.Effect<Context.Context<unknown>> =>
    Effect.uninterruptibleMask((restore) =>
      Effect.withFiber((fiber) => {
        const built = this.use(fiber.context)
        const left = Scope.addFinalizer(
          scope,
          Effect.suspend(() => this.leave(built))
        )
        return Effect.andThen(left, restore(this.contextOf(built)))
      })
    )

  private use(context: Context.Context<never>): Built {
    if (this.built === undefined || this.built.failed) this.built = new Built(this.layer, context)
    this.built.users++
    return this.built
  }

  private contextOf({ fiber }: Built): Effect.Effect<Context.Context<unknown>> {
    return Effect.catchCause(Fiber.join(fiber), (cause) => Effect.die(this.brokenBy(cause)))
  }

  private leave(built: Built): Effect.Effect<void> {
    if (--built.users > 0) return Effect.void
    if (this.keep && !built.failed) return Effect.void
    if (this.built === built) this.built = undefined
    return built.release
  }

  /** Releases what is kept. */
  readonly close: Effect.Effect<void> = Effect.suspend(() => {
    const { built } = this
    this.built = undefined
    return built === undefined ? Effect.void : built.release
  })

  private brokenBy(cause: Cause.Cause<unknown>): Error {
    return new Error(`task ${JSON.stringify(this.task)}: its layer could not be built: ${Cause.pretty(cause)}`, {
      cause: Cause.squash(cause)
    })
  }
}

/** Wakes those who wait for something to change. Who is woken looks again, and may wait again. */
export class Signal {
  private wakes = new Set<() => void>()

  /** Calls back at the next change. Gives a function that withdraws the wish. */
  readonly subscribe = (wake: () => void): (() => void) => {
    const own = (): void => wake()
    this.wakes.add(own)
    return () => void this.wakes.delete(own)
  }

  readonly tell = (): void => {
    if (this.wakes.size === 0) return
    const { wakes } = this
    this.wakes = new Set()
    for (const wake of wakes) wake()
  }
}

/** The median of a stream of numbers: exact for the first thousand, then of a fair sample of all of them (algorithm R of Vitter, 1985). */

const size = 1_001
/** Fewer say nothing yet. */
const least = 3

export class Median {
  /** In order. */
  private readonly sample: Array<number> = []
  private count = 0

  add(value: number): void {
    this.count++
    if (this.sample.length === size) {
      if (Math.random() * this.count >= size) return
      this.sample.splice(Math.floor(Math.random() * size), 1)
    }
    let low = 0
    let high = this.sample.length
    while (low < high) {
      const middle = (low + high) >> 1
      if (this.sample[middle]! < value) low = middle + 1
      else high = middle
    }
    this.sample.splice(low, 0, value)
  }

  /** Undefined while there are fewer than three. */
  get value(): number | undefined {
    return this.sample.length < least ? undefined : this.sample[this.sample.length >> 1]
  }
}

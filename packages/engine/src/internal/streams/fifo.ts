/** A queue in memory: to add and to take are O(1) amortised. */
export class Fifo<A> {
  private items: Array<A> = []
  private first = 0

  get size(): number {
    return this.items.length - this.first
  }

  push(item: A): void {
    this.items.push(item)
  }

  /** Takes the oldest; there must be one. */
  shift(): A {
    const item = this.items[this.first]!
    this.items[this.first++] = undefined as never
    // What is gone is cut off once it is as much as what is there.
    if (this.first > this.size) {
      this.items = this.items.slice(this.first)
      this.first = 0
    }
    return item
  }

  takeAll(): Array<A> {
    const taken = this.first === 0 ? this.items : this.items.slice(this.first)
    this.items = []
    this.first = 0
    return taken
  }
}

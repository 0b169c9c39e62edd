/** Where each CSV column stands; filled when the header is known, -1 while it is absent. */
export class Columns {
  names: string[] = [];
  private readonly slots = new Map<string, { index: number }>();

  slot(name: string): { index: number } {
    let slot = this.slots.get(name);
    if (slot === undefined) {
      slot = { index: this.names.indexOf(name) };
      this.slots.set(name, slot);
    }
    return slot;
  }

  bind(names: string[]): void {
    this.names = names;
    for (const [name, slot] of this.slots) slot.index = names.indexOf(name);
  }
}

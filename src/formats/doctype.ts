const quoteMarks = [0x22, 0x27];

/** Follows a document type declaration, from behind `<!DOCTYPE` to its end, and keeps nothing of it. */
export class DoctypeScanner {
  private quote = 0;
  private inSubset = false;
  /** Declarations inside the internal subset that are open. */
  private open = 0;
  /** `-` inside a comment, `?` inside an instruction. */
  private skipping = '';
  private last = '';

  /** Takes one code unit; true when it ends the declaration. */
  push(c: number): boolean {
    const before = this.last;
    this.last = (before + String.fromCharCode(c)).slice(-4);
    if (this.skipping !== '') {
      if (c === 0x3e && before.endsWith(this.skipping === '-' ? '--' : '?')) this.skipping = '';
      return false;
    }
    if (this.quote !== 0) {
      if (c === this.quote) this.quote = 0;
      return false;
    }
    if (quoteMarks.includes(c)) this.quote = c;
    else if (c === 0x5b && this.open === 0) this.inSubset = true;
    else if (c === 0x5d && this.open === 0) this.inSubset = false;
    else if (this.inSubset) this.inside(c);
    else return c === 0x3e;
    return false;
  }

  private inside(c: number): void {
    if (c === 0x3c) this.open++;
    else if (c === 0x3e) this.open = Math.max(0, this.open - 1);
    else if (this.last === '<!--' || this.last.endsWith('<?')) {
      this.skipping = this.last.at(-1)!;
      this.open--;
      // Its first characters are not also its last ones.
      this.last = '';
    }
  }
}

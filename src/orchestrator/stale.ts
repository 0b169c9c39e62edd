/** The attempt is over: its job was settled, cancelled or given to another worker. What it did after that is rolled back, and nobody needs to hear of it. */
export class StaleAttempt extends Error {
  constructor() {
    super('this attempt of the job is over');
    this.name = 'StaleAttempt';
  }
}

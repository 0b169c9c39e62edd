// The one entry: argv to the command line interface.
import { run } from '#cli';

process.exitCode = await run(process.argv.slice(2));

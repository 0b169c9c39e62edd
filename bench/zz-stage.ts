import { earthquakeRow, earthquakeProfile } from '/work/main/bench/lib/earthquakes.ts';
import { createRowReader } from '/work/main/src/normalizer/row-reader.ts';
import { compileProfile } from '/work/main/src/normalizer/compile.ts';
import { recordIds } from '/work/main/src/normalizer/record-ids.ts';
import { defaultCaps } from '/work/main/src/normalizer/row-sink.ts';
import { contractCheck } from '/work/main/src/normalizer/contract-check.ts';
import { createBatchBuilder, defaultLimits } from '/work/main/src/normalizer/batch-builder.ts';
import { sortedLeaves, rootOfLeaves } from '/work/main/src/normalizer/leaves.ts';
import { recordHash } from '#audit';
const N=40000;
const bytes=Buffer.from(Array.from({length:N},(_, n)=>earthquakeRow(n)+'\n').join(''));
const frame={tenantId:'default',sourceId:'s',rawSha256:'a'.repeat(64),profileId:'bench',profileVersion:'1.0.0',profileDigest:'b'.repeat(64),revision:2n**44n,capturedAtMs:1.7e12};
function feed(reader){for(let at=0;at<bytes.length;at+=65536)reader.push(bytes.subarray(at,at+65536));reader.end()}
const noId=compileProfile(earthquakeProfile,()=> 'c'.repeat(32)), withId=compileProfile(earthquakeProfile,recordIds('default','s'));
const nothing={candidates(){},fault(){throw 1}};
const check=contractCheck(frame);
const stages={
 parse:()=>feed(createRowReader(noId,()=>0,defaultCaps,nothing)),
 keys:()=>feed(createRowReader(noId,noId.keys,defaultCaps,nothing)),
 map:()=>feed(createRowReader(noId,noId.candidates,defaultCaps,nothing)),
 mapId:()=>feed(createRowReader(withId,withId.candidates,defaultCaps,nothing)),
 mapIdHash:()=>feed(createRowReader(withId,withId.candidates,defaultCaps,{candidates(o){for(const r of o){recordHash(Object.assign(r,frame))}},fault(){}})),
 mapIdCheck:()=>feed(createRowReader(withId,withId.candidates,defaultCaps,{candidates(o){for(const r of o){if(check(r,'d'.repeat(64),'e'.repeat(32)))throw 1}},fault(){}})),
 build:()=>{const b=createBatchBuilder(frame,{keep:'all'},defaultLimits);const rd=createRowReader(withId,withId.candidates,defaultCaps,b);for(let at=0;at<bytes.length;at+=65536){rd.push(bytes.subarray(at,at+65536));b.ready.length=0}},
 buildLeaves:()=>{const b=createBatchBuilder(frame,{keep:'all'},defaultLimits);const rd=createRowReader(withId,withId.candidates,defaultCaps,b);for(let at=0;at<bytes.length;at+=65536){rd.push(bytes.subarray(at,at+65536));for(const x of b.ready)rootOfLeaves(sortedLeaves(x.records.map(r=>r.recordHash)));b.ready.length=0}},
};
const best={};
for(let k=0;k<6;k++)for(const [n,f] of Object.entries(stages)){const s=performance.now();const c=process.cpuUsage();f();const u=process.cpuUsage(c);const w=(performance.now()-s)*1000/N;best[n]=Math.min(best[n]??1e9,w)}
for(const n in best)console.log(n.padEnd(12),best[n].toFixed(2),'us', (best[n]/best.parse).toFixed(2)+'x parse');

// SPDX-License-Identifier: Apache-2.0
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';
import { Client } from '../src/client.js';
import { GroupManager } from '../src/groups.js';
import { OperatorManager } from '../src/operators.js';
import { SignalingManager } from '../src/signaling.js';

const here = (name) => fileURLToPath(new URL(name, import.meta.url));

test('the types compile, and a program with them', () => {
  const program = ts.createProgram([here('types/phone.ts'), here('../beckon.d.ts')], {
    strict: true, noEmit: true, target: ts.ScriptTarget.ES2022, module: ts.ModuleKind.Node16, moduleResolution: ts.ModuleResolutionKind.Node16,
    lib: ['lib.es2022.d.ts'], types: [], skipLibCheck: false, skipDefaultLibCheck: true,
  });
  const faults = ts.getPreEmitDiagnostics(program).map((one) => ts.flattenDiagnosticMessageText(one.messageText, '\n'));
  assert.deepEqual(faults, []);
});

test('the types name the methods that there are', () => {
  const source = ts.createSourceFile('', ts.sys.readFile(here('../beckon.d.ts')), ts.ScriptTarget.ES2022, true);
  const named = (name) => source.statements.find((one) => one.name?.text === name).members.map((one) => one.name?.text).filter(Boolean).sort();
  const has = ({ prototype }) => Object.getOwnPropertyNames(prototype).filter((name) => !['constructor', 'hear'].includes(name)).sort();
  for (const type of [Client, SignalingManager, GroupManager, OperatorManager]) assert.deepEqual(has(type), named(type.name), type.name);
});

test('the lock file names no download host but the npm registry', () => {
  const { packages } = JSON.parse(ts.sys.readFile(here('../package-lock.json')));
  for (const [name, { resolved = 'https://registry.npmjs.org/' }] of Object.entries(packages)) {
    assert.ok(resolved.startsWith('https://registry.npmjs.org/'), `${name}: ${resolved}`);
  }
});

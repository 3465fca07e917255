// What a room's package.json declares must be what its files import, and files reach other rooms by package name alone.
import { posix } from "node:path";
import type { RepositoryFile } from "../repository.ts";

interface Manifest {
  readonly name: string;
  /** Its folder from the root; empty for the root itself. */
  readonly folder: string;
  readonly dependencies: ReadonlyMap<string, string>;
  readonly devDependencies: ReadonlyMap<string, string>;
}

interface Import {
  readonly path: string;
  readonly specifier: string;
}

/** Imports and re-exports, of types too; late imports; modules named to be resolved. */
const SPECIFIERS: readonly RegExp[] = [
  /^(?:import|export)\b[^"';]*?\bfrom\s*["'](?<specifier>[^"'\s]+)["']/gm,
  /^import\s*["'](?<specifier>[^"'\s]+)["']/gm,
  /\bimport\(\s*["'](?<specifier>[^"'\s]+)["']/g,
  /\b(?:require|require\.resolve|import\.meta\.resolve)\(\s*["'](?<specifier>[^"'\s]+)["']/g,
];

/** Comments may show imports that are not the file's own. */
const COMMENT = /^\s*(?:\/\/|\*|\/\*)/;

/** Files of tests, which may use the root's development tools and the test harness undeclared. */
const TEST_CODE = /\.test\.ts$|\/testdata\/|\/e2e\/|^shared\/testing\/|^vitest\.config\.ts$/;
const TEST_HARNESS = "@millrace/testing";

const EXACT_VERSION = /^\d+\.\d+\.\d+(?:-[\w.]+)?$/;

/** Complaints about imports that are not declared, declarations nobody imports, and imports that leave a room sideways. */
export function badImports(files: readonly RepositoryFile[]): string[] {
  const manifests = files.filter(({ path }) => posix.basename(path) === "package.json").map(parseManifest);
  const root = manifests.find(({ folder }) => folder === "");
  const all = files.flatMap(importsOf);
  const testCode = testCodeOf(all);
  const complaints: string[] = [];
  for (const manifest of manifests) {
    const imports = all.filter(({ path }) => roomOf(path, manifests) === manifest);
    complaints.push(...strays(imports, manifest, manifests));
    complaints.push(...undeclared(imports, manifest, { root, testCode }));
    if (manifest !== root) complaints.push(...unused(imports, manifest));
    complaints.push(...loose(manifest));
  }
  return complaints;
}

function strays(imports: readonly Import[], room: Manifest, manifests: readonly Manifest[]): string[] {
  return imports
    .filter(({ path, specifier }) => {
      const target = specifier.startsWith(".") && roomOf(posix.join(posix.dirname(path), specifier), manifests);
      // What lies outside all rooms has no package name to import it by.
      return target && target !== room && target.folder !== "";
    })
    .map(({ path, specifier }) => `${path}: imports ${specifier} across rooms: use the package's name, @millrace/….`);
}

function undeclared(
  imports: readonly Import[],
  room: Manifest,
  { root, testCode }: { readonly root: Manifest | undefined; readonly testCode: ReadonlySet<string> },
): string[] {
  const complaints = imports.flatMap(({ path, specifier }) => {
    const name = packageOf(specifier);
    if (name === undefined || name === room.name || room.dependencies.has(name)) return [];
    const forTests =
      room.devDependencies.has(name) || root?.devDependencies.has(name) === true || name === TEST_HARNESS;
    if (forTests && (testCode.has(path) || room === root)) return [];
    return [`${path}: imports ${name}: declare it in ${room.folder}/package.json.`];
  });
  return [...new Set(complaints)];
}

function unused(imports: readonly Import[], room: Manifest): string[] {
  const names = new Set(imports.map(({ specifier }) => packageOf(specifier)));
  return [...room.dependencies.keys(), ...room.devDependencies.keys()]
    .filter((name) => !names.has(name))
    .map((name) => `${room.folder}/package.json: declares ${name}, which nothing here imports: remove it.`);
}

function loose(room: Manifest): string[] {
  return [...room.dependencies, ...room.devDependencies]
    .filter(([, version]) => !EXACT_VERSION.test(version))
    .map(([name, version]) => `${posix.join(room.folder, "package.json")}: ${name} ${version}: pin one exact version.`);
}

/** Test files and the files that only they import, such as a port's suite or a generator of samples. */
function testCodeOf(imports: readonly Import[]): ReadonlySet<string> {
  const importers = new Map<string, Set<string>>();
  for (const { path, specifier } of imports) {
    const target = specifier.startsWith("@millrace/")
      ? specifier.replace("@millrace/", "shared/")
      : posix.join(posix.dirname(path), specifier);
    importers.set(target, (importers.get(target) ?? new Set()).add(path));
  }
  const testCode = new Set(imports.map(({ path }) => path).filter((path) => TEST_CODE.test(path)));
  for (let found = -1; found !== testCode.size; ) {
    found = testCode.size;
    for (const [path, by] of importers) if ([...by].every((importer) => testCode.has(importer))) testCode.add(path);
  }
  return testCode;
}

/** The package a specifier names; undefined for files, Node's own modules and anything else. */
function packageOf(specifier: string): string | undefined {
  if (specifier.startsWith("node:")) return undefined;
  return /^(?:@[\w.-]+\/)?[a-zA-Z][\w.-]*/.exec(specifier)?.[0];
}

function importsOf({ path, text }: RepositoryFile): Import[] {
  if (!path.endsWith(".ts") || /\/generated\/|\/testdata\/laws\//.test(path)) return [];
  const code = text
    .split("\n")
    .filter((line) => !COMMENT.test(line))
    .join("\n");
  const matches = SPECIFIERS.flatMap((pattern) => [...code.matchAll(pattern)]);
  return matches.map(({ groups }) => ({ path, specifier: groups?.["specifier"] ?? "" }));
}

/** The manifest of the innermost folder that has one. */
function roomOf(path: string, manifests: readonly Manifest[]): Manifest | undefined {
  return manifests
    .filter(({ folder }) => folder === "" || path.startsWith(`${folder}/`))
    .toSorted((left, right) => right.folder.length - left.folder.length)[0];
}

function parseManifest({ path, text }: RepositoryFile): Manifest {
  const parsed: unknown = JSON.parse(text);
  const folder = posix.dirname(path);
  return {
    name: String(field(parsed, "name")),
    folder: folder === "." ? "" : folder,
    dependencies: versions(field(parsed, "dependencies")),
    devDependencies: versions(field(parsed, "devDependencies")),
  };
}

function versions(value: unknown): ReadonlyMap<string, string> {
  return new Map(Object.entries(value ?? {}).map(([name, version]) => [name, String(version)]));
}

function field(value: unknown, name: string): unknown {
  return typeof value === "object" && value !== null ? Reflect.get(value, name) : undefined;
}

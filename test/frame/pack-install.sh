#!/usr/bin/env bash
# Packs Tagferry as it is published, installs that in an empty folder, and runs it: the steps of the Dockerfile
# on a machine without a container engine. Usable alone: npm run pack-install
set -euo pipefail
cd "$(dirname "$0")/../.."
repository=$PWD
packed=$(mktemp -d)
installed=$(mktemp -d)
trap 'rm -rf "$packed" "$installed"' EXIT
# The installed command looks for `node` in the path: the pinned one, whatever the machine has.
mkdir "$packed/bin"
ln -s "$(node_modules/.bin/node -p process.execPath)" "$packed/bin/node"
export PATH="$packed/bin:$PATH"

npm pack --pack-destination "$packed"

echo "--- contents of the package"
tar -tzf "$packed"/tagferry-*.tgz | sed 's|^package/||' | sort > "$packed/contents"
expected='dist/[a-z0-9/-]+\.js|migrations/[0-9]{4}_[a-z0-9_-]+\.sql|config/tagferry\.(example\.yaml|schema\.json)|docs/[a-z-]+\.md'
expected="^($expected|package\.json|README\.md|CHANGELOG\.md|LICENSE)$"
if grep -vE "$expected" "$packed/contents"; then
  echo 'pack-install: the files above do not belong into the package (package.json, "files")' >&2
  exit 1
fi
for file in dist/cli/tagferry.js config/tagferry.example.yaml config/tagferry.schema.json LICENSE README.md; do
  grep -qxF "$file" "$packed/contents" || { echo "pack-install: the package lacks $file" >&2; exit 1; }
done
[ "$(grep -c '^migrations/' "$packed/contents")" = "$(ls migrations/*.sql | wc -l)" ] ||
  { echo 'pack-install: the package lacks migrations' >&2; exit 1; }
echo "$(wc -l < "$packed/contents") files"

cd "$installed"
npm install --omit=dev --no-audit --no-fund "$packed"/tagferry-*.tgz

command=node_modules/tagferry/dist/cli/tagferry.js
[ "$(head -n 1 "$command")" = '#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=2' ] || { echo "pack-install: $command lacks its first line" >&2; exit 1; }
[ -x "$command" ] || { echo "pack-install: $command is not executable" >&2; exit 1; }

version=$(node_modules/.bin/tagferry --version)
echo "--- tagferry --version: $version"
[ "$version" = "$(node -p 'require(process.argv[1]).version' "$repository/package.json")" ] ||
  { echo 'pack-install: that is not the version of package.json' >&2; exit 1; }
echo '--- tagferry --help'
node_modules/.bin/tagferry --help
echo '--- tagferry demo --once'
node_modules/.bin/tagferry demo --once
echo '--- pack-install: done'

-- Saved runs in DuckDB: duckdb -c ".read labrpc.sql" -c "FROM labrpc_people('runs/*.jsonl')"
--
-- Every column is given its type: from the first rows of a large file a wrong one could be inferred.

-- The result of each endpoint, once: an answer before a failure, then what was asked last.
CREATE OR REPLACE MACRO labrpc_endpoints(files) AS TABLE
    WITH lines AS (
        SELECT * FROM read_json(files, format = 'newline_delimited', filename = 'run', columns = {
            started: 'TIMESTAMPTZ', line: 'UBIGINT', endpoint: 'VARCHAR', labels: 'MAP(VARCHAR, VARCHAR)',
            outcome: 'VARCHAR', code: 'VARCHAR', dialect: 'VARCHAR', detail: 'VARCHAR', attempts: 'UINTEGER',
            elapsed_ms: 'DOUBLE',
            profile: 'STRUCT(id VARCHAR, height DECIMAL(4,1), weight DECIMAL(4,1), size VARCHAR)'})),
    runs AS (SELECT run, max(started) AS asked FROM lines WHERE started IS NOT NULL GROUP BY run)
    SELECT lines.* EXCLUDE (started), asked FROM lines JOIN runs USING (run)
    WHERE endpoint IS NOT NULL AND outcome <> 'duplicate_line'
    QUALIFY row_number() OVER (PARTITION BY endpoint ORDER BY profile IS NULL, asked DESC, line) = 1;

-- The people with a valid profile. An id that two endpoints claim belongs to neither.
CREATE OR REPLACE MACRO labrpc_people(files) AS TABLE
    SELECT profile.*, endpoint FROM labrpc_endpoints(files) WHERE profile IS NOT NULL
    QUALIFY count(*) OVER (PARTITION BY profile.id) = 1;

-- The distinct builds as `labrpc rank` reads them: how many people have each, and the first two of their ids.
CREATE OR REPLACE MACRO labrpc_builds(files) AS TABLE
    SELECT count(*) AS count, height, weight, size, array_to_string(min(id, 2), ' ') AS ids
    FROM labrpc_people(files) GROUP BY height, weight, size;

-- Everyone's nearest, of `labrpc rank BUILDS --per-person --format csv`: it has the ids that the builds name, and who is
-- not named has the nearest of the last one that is.
CREATE OR REPLACE MACRO labrpc_nearest(files, ranked) AS TABLE
    WITH people AS (FROM labrpc_people(files)),
    builds AS (SELECT height, weight, size, list_last(min(id, 2)) AS last FROM people GROUP BY height, weight, size),
    ranked AS (FROM read_csv(ranked, columns = {id: 'VARCHAR', nearest: 'VARCHAR', distance: 'DOUBLE'}))
    -- labrpc writes an apostrophe before an id that a spreadsheet would take for a formula.
    SELECT people.id, ltrim(nearest, '''') AS nearest, distance FROM people
    JOIN builds USING (height, weight, size) JOIN ranked ON ltrim(ranked.id, '''') = least(people.id, builds.last);

-- The parts that a survey was divided into, and how many endpoints each run has.
CREATE OR REPLACE MACRO labrpc_parts(files) AS TABLE
    SELECT filename AS run, any_value(part.shard) AS shard, any_value(part.shards) AS shards,
        any_value(part.listed) AS listed, any_value(part.list) AS list, count(endpoint) AS endpoints
    FROM read_json(files, format = 'newline_delimited', filename = true, columns = {endpoint: 'VARCHAR',
        part: 'STRUCT(shard UINTEGER, shards UINTEGER, listed UBIGINT, list VARCHAR)'})
    GROUP BY filename;

-- The body distance of two people, such as of two rows of labrpc_people.
CREATE OR REPLACE MACRO labrpc_size_step(size) AS
    list_position(['XXS', 'XS', 'S', 'M', 'L', 'XL', 'XXL', 'XXXL'], size);
CREATE OR REPLACE MACRO labrpc_distance(a, b) AS
    least(7 * abs(a.height - b.height), 420) + least(5 * abs(a.weight - b.weight), 420)
    + least(60 * abs(labrpc_size_step(a.size) - labrpc_size_step(b.size)), 420);

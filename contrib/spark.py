"""spark-submit spark.py HOSTS FOLDER PARTS [OPTION...]: asks HOSTS in PARTS parts and counts the distinct builds.

HOSTS has one endpoint a line, as `labrpc survey --list` prints them. `labrpc merge FOLDER/runs/part-*` makes the report,
and `labrpc rank FOLDER/builds/*.csv` ranks. Every worker has labrpc at the path that it has on the driver.
"""
import shlex, shutil, sys

from pyspark.sql import SparkSession

hosts, folder, parts, *options = sys.argv[1:]
# Spark starts the program with an empty environment: there is no PATH to find it on.
program = shutil.which("labrpc") or "/usr/bin/labrpc"
command = shlex.join([program, "survey", "--hosts", "-", "--part", "--format", "jsonl", *options])

spark = SparkSession.builder.appName("labrpc").getOrCreate()
endpoints = spark.sparkContext.textFile(hosts).distinct(int(parts))
# With checkCode a part that failed is asked again, instead of being missing.
endpoints.pipe(command, checkCode=True).saveAsTextFile(f"{folder}/runs")

profile = "id STRING, height DECIMAL(4,1), weight DECIMAL(4,1), size STRING"
people = spark.read.schema(f"profile STRUCT<{profile}>").json(f"{folder}/runs").select("profile.*").dropna()
people.createOrReplaceTempView("people")
# An id that two endpoints claim belongs to neither. Of a build, the first two ids are enough for its people's nearest.
spark.sql("""
    WITH one AS (SELECT id, any_value(struct(height, weight, size)) AS build FROM people GROUP BY id HAVING count(*) = 1)
    SELECT count(*) AS count, build.*, concat_ws(' ', slice(sort_array(collect_list(id)), 1, 2)) AS ids
    FROM one GROUP BY build""").write.csv(f"{folder}/builds", header=True)

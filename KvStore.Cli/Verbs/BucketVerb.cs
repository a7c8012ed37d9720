using System.CommandLine;
using System.Net.Http.Headers;
using System.Text.Json;
using KvStore.Cli.Server;
using KvStore.Contracts;

namespace KvStore.Cli.Verbs;

/// <summary><c>kv bucket</c> and what it is about: list, show, create, set, drop.</summary>
internal static class BucketVerb
{
    private const string PatchType = "application/merge-patch+json";

    public static Command Build(Terminal terminal) => new("bucket", "Make, set, list and drop buckets.")
    {
        List(terminal), Show(terminal), Create(terminal), Set(terminal), Drop(terminal),
    };

    private static Command List(Terminal terminal)
    {
        var (output, server) = (Output(), ServerOption.Build(terminal));
        return new Command("list", "List all buckets by name.") { output, server }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            List<BucketResponse> buckets = [];
            for (var cursor = ""; cursor is not null;)
            {
                var page = cursor.Length == 0 ? "" : $"?cursor={Uri.EscapeDataString(cursor)}";
                using var answer = await connection
                    .AskAsync(connection.For(HttpMethod.Get, Routes.Buckets + page))
                    .ConfigureAwait(false);
                var read = await ReadAsync(answer, ContractsJson.Default.BucketListResponse).ConfigureAwait(false);
                buckets.AddRange(read.Items);
                cursor = read.Cursor;
            }

            Print(terminal, parsed.GetValue(output), buckets);
            return ExitCodes.Ok;
        });
    }

    private static Command Show(Terminal terminal)
    {
        var (name, output, server) = (Name(), Output(), ServerOption.Build(terminal));
        return new Command("show", "Show a bucket's settings; exit code 3 when there is none.")
        {
            name, output, server,
        }.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            using var answer = await connection
                .AskAsync(connection.For(HttpMethod.Get, RouteOf(parsed.GetRequiredValue(name))))
                .ConfigureAwait(false);
            await PrintOneAsync(terminal, parsed.GetValue(output), answer).ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }

    private static Command Create(Terminal terminal)
    {
        var (name, output, server) = (Name(), Output(), ServerOption.Build(terminal));
        var settings = new SettingOptions();
        var verb = new Command("create", "Make a bucket; exit code 4 when there is one of that name.")
        {
            name, output, server,
        };
        settings.AddTo(verb);
        return verb.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var request = KvServer.Named(connection.For(HttpMethod.Put, RouteOf(parsed.GetRequiredValue(name))));
            request.Headers.TryAddWithoutValidation("If-None-Match", "*");
            request.Content = Json(settings.Read(parsed), "application/json");
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            await PrintOneAsync(terminal, parsed.GetValue(output), answer).ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }

    private static Command Set(Terminal terminal)
    {
        var (name, output, server) = (Name(), Output(), ServerOption.Build(terminal));
        var settings = new SettingOptions();
        var verb = new Command("set", "Change some settings of a bucket; the others stay.") { name, output, server };
        settings.AddTo(verb);
        return verb.Does(async parsed =>
        {
            using var connection = new KvServer(parsed.GetRequiredValue(server));
            var request = KvServer.Named(connection.For(HttpMethod.Patch, RouteOf(parsed.GetRequiredValue(name))));
            request.Content = Json(settings.Read(parsed), PatchType);
            using var answer = await connection.AskAsync(request).ConfigureAwait(false);
            await PrintOneAsync(terminal, parsed.GetValue(output), answer).ConfigureAwait(false);
            return ExitCodes.Ok;
        });
    }

    private static Command Drop(Terminal terminal)
    {
        var (name, output, server) = (Name(), Output(), ServerOption.Build(terminal));
        var sure = new Option<bool>("--yes") { Description = "Really: all its keys go at once and never come back." };
        return new Command("drop", "Drop a bucket with all its keys.") { name, sure, output, server }.Does(
            async parsed =>
            {
                var bucket = parsed.GetRequiredValue(name);
                if (!parsed.GetValue(sure))
                {
                    throw new FailureException(
                        $"All keys of {bucket} would go at once and never come back; say --yes if that is meant.",
                        ExitCodes.Usage);
                }

                using var connection = new KvServer(parsed.GetRequiredValue(server));
                using var answer = await connection
                    .AskAsync(KvServer.Named(connection.For(HttpMethod.Delete, RouteOf(bucket))))
                    .ConfigureAwait(false);
                Print(terminal, parsed.GetValue(output), new DroppedLine(bucket, true));
                return ExitCodes.Ok;
            });
    }

    private static Argument<string> Name()
    {
        var name = new Argument<string>("NAME") { Description = "The bucket's name." };
        name.Validators.Add(result =>
        {
            if (!BucketName.IsValid(result.GetValueOrDefault<string>()))
                result.AddError(BucketName.Rule);
        });
        return name;
    }

    private static Option<string?> Output() =>
        OutputFormat.Option("How to print: table (default on a terminal), json (default elsewhere), raw: names.");

    private static string RouteOf(string bucket) => $"{Routes.Buckets}/{bucket}";

    private static ByteArrayContent Json(BucketSettings settings, string type)
    {
        var content = new ByteArrayContent(
            JsonSerializer.SerializeToUtf8Bytes(settings, VerbJson.Lines.BucketSettings));
        content.Headers.ContentType = new MediaTypeHeaderValue(type);
        return content;
    }

    private static async Task<T> ReadAsync<T>(
        HttpResponseMessage answer, System.Text.Json.Serialization.Metadata.JsonTypeInfo<T> type)
    {
        try
        {
            var body = await answer.Content.ReadAsByteArrayAsync().ConfigureAwait(false);
            return JsonSerializer.Deserialize(body, type) ?? throw new JsonException();
        }
        catch (JsonException failure)
        {
            throw new FailureException("The answer does not describe buckets of a KvStore.", inner: failure);
        }
    }

    private static async Task PrintOneAsync(Terminal terminal, string? format, HttpResponseMessage answer) =>
        Print(terminal, format, [await ReadAsync(answer, ContractsJson.Default.BucketResponse).ConfigureAwait(false)]);

    private static void Print(Terminal terminal, string? format, IReadOnlyList<BucketResponse> buckets)
    {
        switch (OutputFormat.For(terminal, format))
        {
            case OutputFormat.Json:
                foreach (var bucket in buckets)
                    terminal.Out.WriteLine(JsonSerializer.Serialize(bucket, VerbJson.Lines.BucketResponse));
                break;
            case OutputFormat.Raw:
                foreach (var bucket in buckets)
                    terminal.Out.WriteLine(bucket.Name);
                break;
            default:
                Tables.Print(terminal, buckets);
                break;
        }
    }

    private static void Print(Terminal terminal, string? format, DroppedLine line)
    {
        switch (OutputFormat.For(terminal, format))
        {
            case OutputFormat.Json:
                terminal.Out.WriteLine(JsonSerializer.Serialize(line, VerbJson.Lines.DroppedLine));
                break;
            case OutputFormat.Raw:
                terminal.Out.WriteLine(line.Name);
                break;
            default:
                Tables.Print(terminal, line);
                break;
        }
    }

    /// <summary>One option for each setting.</summary>
    private sealed class SettingOptions
    {
        private readonly Option<string?> _ttl = new("--default-ttl")
        {
            Description = "How long keys are kept that are written without a ttl.",
            HelpName = "TIME",
        };

        private readonly Option<int?> _bytes = new("--max-value-bytes")
        {
            Description = "The most bytes of a value.",
            HelpName = "BYTES",
        };

        private readonly Option<bool?> _conditions = new("--require-conditional-writes")
        {
            Description = "Whether a write must carry If-Match or If-None-Match.",
            HelpName = "true|false",
        };

        private readonly Option<string?> _consistency = new Option<string?>("--default-consistency")
        {
            Description = "The consistency of reads that do not say.",
            HelpName = "strong|session|bounded|eventual",
        }.AcceptOnlyFromAmong("strong", "session", "bounded", "eventual");

        private readonly Option<string?> _cache = new("--cache-control")
        {
            Description = "The header of that name with which values are answered.",
            HelpName = "TEXT",
        };

        public void AddTo(Command verb)
        {
            foreach (var option in (Option[])[_ttl, _bytes, _conditions, _consistency, _cache])
                verb.Options.Add(option);
        }

        public BucketSettings Read(ParseResult parsed) => new()
        {
            DefaultTtl = parsed.GetValue(_ttl),
            MaxValueBytes = parsed.GetValue(_bytes),
            RequireConditionalWrites = parsed.GetValue(_conditions),
            DefaultConsistency = parsed.GetValue(_consistency),
            CacheControl = parsed.GetValue(_cache),
        };
    }
}

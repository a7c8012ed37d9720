using System.Text;
using KvStore.Cli.Chaos.Load;
using KvStore.Verification;

namespace KvStore.Tests.Cli.Chaos.Load;

public sealed class TransactionFormTests
{
    private static readonly HistoryOperation Transfer = new()
    {
        Client = 1,
        CallNs = 1,
        Op = OperationKind.Txn,
        Key = "a",
        If =
        [
            new OperationStep { Op = OperationKind.Get, Key = "a", IfMatch = "\"7\"" },
            new OperationStep { Op = OperationKind.Get, Key = "b", Value = "3" },
            new OperationStep { Op = OperationKind.Get, Key = "c", IfNone = "*" },
        ],
        Ops =
        [
            new OperationStep { Op = OperationKind.Put, Key = "a", Value = "1" },
            new OperationStep { Op = OperationKind.Increment, Key = "b", By = -2 },
        ],
        Else =
        [
            new OperationStep { Op = OperationKind.Get, Key = "a" },
            new OperationStep { Op = OperationKind.Get, Key = "c" },
        ],
        Result = OperationResult.Unknown,
    };

    [Fact]
    public async Task It_is_written_as_the_API_has_it()
    {
        using var body = TransactionForm.BodyOf(Transfer);

        Assert.Equal(
            """
            {"if":[{"key":"a","etag":"\u00227\u0022"},{"key":"b","value":3},{"key":"c","exists":false}],
            "then":[{"op":"put","key":"a","value":1},{"op":"increment","key":"b","by":-2}],
            "else":[{"op":"get","key":"a"},{"op":"get","key":"c"}]}
            """.ReplaceLineEndings(""),
            await body.ReadAsStringAsync(TestContext.Current.CancellationToken));
    }

    [Fact]
    public void What_was_done_is_read_with_its_answers()
    {
        var told = Read(
            """
            {"succeeded":true,"version":"9","results":[{"status":200,"key":"a","etag":"\"9\"","version":9},
            {"status":200,"key":"b","value":5,"etag":"\"8\"","version":8}]}
            """);

        Assert.Equal((OperationResult.Ok, true, "\"8\""), (told.Result, told.Succeeded, told.LatestEtag));
        Assert.Equal(
            [Transfer.Ops![0] with { Etag = "\"9\"" }, Transfer.Ops[1] with { Value = "5", Etag = "\"8\"" }],
            told.Steps);
    }

    [Fact]
    public void A_read_that_is_told_again_without_its_value_says_nothing()
    {
        var told = Read(
            """
            {"succeeded":false,"version":"9","results":[{"status":200,"key":"a","etag":"\"9\"","version":9},
            {"status":404,"key":"c","problem":{"code":"not-found"}}]}
            """);

        Assert.False(told.Succeeded);
        Assert.Equal([Transfer.Else![1] with { Found = false }], told.Steps);
    }

    private static Attempt Read(string body) => TransactionForm.Read(Transfer, Encoding.UTF8.GetBytes(body));
}

using KvStore.Verification;

namespace KvStore.Tests.Verification;

public sealed class HistoryFormatTests
{
    private const string Rejected =
        """{"client":1,"call_ns":5,"return_ns":9,"op":"put","key":"k","value":"a","result":"rejected","status":503}""";

    private const string Older =
        """{"client":1,"call_ns":5,"return_ns":9,"op":"put","key":"k","value":"a","result":"rejected"}""";

    [Theory]
    [InlineData(Rejected, 503)]
    [InlineData(Older, null)]
    public void The_code_of_an_answer_may_be_there(string line, int? status)
    {
        var operation = Assert.Single(HistoryFormat.Read(new StringReader(line)));
        using var written = new StringWriter();
        HistoryFormat.Write(written, [operation]);

        Assert.Equal(status, operation.Status);
        Assert.Equal(line, written.ToString().TrimEnd());
    }
}

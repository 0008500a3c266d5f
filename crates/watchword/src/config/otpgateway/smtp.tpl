<!doctype html>
<html lang="en">
  <head>
    <meta charset="utf-8">
    <meta name="viewport" content="width=device-width, initial-scale=1">
    <title>{{ .Namespace }}: {{ .OTP }}</title>
  </head>
  <body style="margin: 0; padding: 32px 16px; background: #f4f5f7; color: #1f2328; font: 16px/1.5 sans-serif">
    <div style="max-width: 26em; margin: 0 auto; padding: 24px; background: #fff; border-radius: 8px; text-align: center">
      <p>Your verification code for {{ .Namespace }}:</p>
      <p style="margin: 24px 0; font-size: 32px; font-weight: bold; letter-spacing: 4px">{{ .OTP }}</p>
      <p><a href="{{ .OTPURL }}">Finish the verification</a></p>
      <p style="color: #59636e; font-size: 14px">It is good for {{ .OTPTTL.Minutes }} minutes. If you did not ask for a code,
        ignore this message and tell it to nobody.</p>
    </div>
  </body>
</html>

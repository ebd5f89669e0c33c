package s3upload
